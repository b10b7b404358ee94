/** What calibrate measures, its file read as hostile, and what import does with it. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../../engine/base/errors.ts';
import { memorySource } from '../../../engine/formats/byte-source.ts';
import { measureColumns } from '../../../scripts/eval/calibrate.ts';
import { calibratedPreset } from '../../../scripts/import/precision/calibrated-chooser.ts';
import {
  columnsFor,
  encodeCalibration,
  readCalibration,
} from '../../../scripts/import/precision/calibration.ts';
import type { Calibration } from '../../../scripts/import/precision/calibration.ts';
import { fitChooser } from '../../../scripts/import/precision/fit-chooser.ts';
import { hashFile } from '../../../scripts/lib/hash-file.ts';
import { loadLocalModel } from '../../../scripts/node-host/engine.ts';
import { bitFlips, extremes, outcome, truncations, WatchedSource } from '../../support/hostile.ts';
import { failure, outRoot, put, readWeights, root, run } from '../../support/import-folder.ts';
import { STORIES_FILE } from '../../support/models.ts';
import { seededRandom } from '../../support/random.ts';
import { randomConfig, randomGguf, randomLlama } from '../../support/random-llama.ts';
import { writeRawSafetensors } from '../../support/safetensors-writer.ts';

const made: Calibration = {
  sourceSha256: 'ab'.repeat(32),
  nTokens: 7,
  columns: new Map([
    ['tokEmbd', Float32Array.of(0, 1.5, 2)],
    ['layers.0.downProj', Float32Array.of(3, 0.25)],
  ]),
};
const read = (data: Uint8Array) => readCalibration(memorySource('c', data));
/** The file with one text in its header replaced by another of the same length. */
const withText = (from: string, to: string) => {
  const data = encodeCalibration(made);
  const [old, fresh] = [from, to].map((text) => new TextEncoder().encode(text)) as [
    Uint8Array,
    Uint8Array,
  ];
  expect(fresh.byteLength).toBe(old.byteLength);
  const at = data.findIndex((_, i) => old.every((byte, k) => data[i + k] === byte));
  expect(at).toBeGreaterThan(0);
  data.set(fresh, at);
  return data;
};

describe('calibration files', () => {
  test('come back as they were written, with a key of their contents', async () => {
    const { key, ...back } = await read(encodeCalibration(made));
    expect(back).toEqual(made);
    const columns = new Map([...made.columns, ['tokEmbd', Float32Array.of(0, 1.5, 3)]]);
    expect((await read(encodeCalibration({ ...made, columns }))).key).not.toBe(key);
    expect((await read(encodeCalibration({ ...made, nTokens: 8 }))).key).toBe(key);
  });

  test.each([
    ['another format', '"thimble-calibration"', '"thimble-calibratiom"', 'E_FORMAT_MAGIC'],
    ['another version', '"version":"1"', '"version":"9"', 'E_FORMAT_VERSION'],
    ['a hash that is none', 'abab', 'zzzz', 'E_FORMAT_INVALID'],
    ['halves', '"dtype":"F32","shape":[3]', '"dtype":"F16","shape":[6]', 'E_FORMAT_INVALID'],
    ['a name twice', '"layers.0.downProj":', '"tokEmbd":          ', 'E_FORMAT_INVALID'],
  ])('%s is refused', async (_, from, to, code) => {
    const data = withText(from, to);
    expect((await failure(read(data))).code).toBe(code);
  });

  test('a matrix is refused', async () => {
    const __metadata__ = { format: 'thimble-calibration', version: '1' };
    const tokEmbd = { dtype: 'F32', shape: [1, 2], data_offsets: [0, 8] };
    const header = JSON.stringify({ __metadata__, tokEmbd });
    const error = await failure(read(writeRawSafetensors(header, new Uint8Array(8))));
    expect(error.code).toBe('E_FORMAT_INVALID');
    expect(error.message).toContain('tokEmbd is no vector');
  });

  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY])(
    'a mean square of %d is refused',
    async (x) => {
      const columns = new Map([['tokEmbd', Float32Array.of(1, x)]]);
      const error = await failure(read(encodeCalibration({ ...made, columns })));
      expect(error.code).toBe('E_FORMAT_INVALID');
      expect(error.message).toContain('tokEmbd');
    },
  );

  test('damaged files end in an error of ours or are read, and nothing is read beyond them', async () => {
    const data = encodeCalibration(made);
    const allowed = [
      'ok',
      'E_FORMAT_MAGIC',
      'E_FORMAT_VERSION',
      'E_FORMAT_INVALID',
      'E_DTYPE_UNSUPPORTED',
    ];
    const outcomes = new Set<string>();
    const damaged = [
      ...truncations(data, data.byteLength, 1),
      ...bitFlips(data, { count: 400, within: data.byteLength, seed: 4 }),
      ...extremes(data, 64, 4),
    ];
    for (const bytes of damaged) {
      const source = new WatchedSource(bytes);
      outcomes.add(await outcome(() => readCalibration(source)));
      expect(source.readBytes).toBeLessThan(6 * data.byteLength);
    }
    expect([...outcomes].filter((code) => !allowed.includes(code))).toEqual([]);
    expect(outcomes.size).toBeGreaterThan(3);
  });

  test('a calibration of another model is refused, one that lacks tensors is used', () => {
    const instance = (name: string, shape: [number, number]) =>
      ({ instance: { name, shape } }) as unknown as Parameters<typeof columnsFor>[0][number];
    const fits = [instance('tokEmbd', [9, 3]), instance('layers.0.upProj', [9, 3])];
    expect([...columnsFor(fits, made).keys()]).toEqual(['tokEmbd']);
    const ofHead = { ...made, columns: new Map([['head', Float32Array.of(1, 2, 3)]]) };
    expect(columnsFor([instance('tokEmbd', [9, 3])], ofHead).get('tokEmbd')).toEqual(
      Float32Array.of(1, 2, 3),
    );
    const untied = columnsFor([instance('tokEmbd', [9, 3]), instance('head', [9, 3])], ofHead);
    expect([...untied.keys()]).toEqual(['head']);
    const wide = () => columnsFor([instance('tokEmbd', [9, 4])], made);
    expect(wide).toThrow(EngineError);
    expect(wide).toThrow('expected 4 columns, got 3');
    expect(() => columnsFor([instance('head', [9, 3])], made)).toThrow('no tensor of this model');
  });
});

describe('measureColumns', () => {
  test('sees the input of every matrix, and only while it measures', async () => {
    await run(STORIES_FILE, { preset: 'lossless' });
    const { engine, manifest } = await loadLocalModel('tiny', {}, outRoot());
    const matrices = manifest.tensors.filter(({ shape }) => shape[0] > 1);
    const widths = new Map(matrices.map(({ name, shape }) => [name, shape[1]]));
    const signal = new AbortController().signal;
    const tokens = [1, 403, 407, 261, 378];
    const columns = await measureColumns(engine, [tokens], widths, signal);
    expect([...columns.keys()].sort()).toEqual([...widths.keys()].sort());
    // q, k and v read the same rows, as do gate and up.
    expect(columns.get('layers.1.kProj')).toEqual(columns.get('layers.1.qProj'));
    expect(columns.get('layers.1.upProj')).toEqual(columns.get('layers.1.gateProj'));
    // The first layer's input is the normed embedding: worked out from the weights.
    const weights = await readWeights(join(outRoot(), 'tiny'));
    const { nEmbd, normEps } = manifest.config;
    const expected = new Float64Array(nEmbd);
    for (const token of tokens) {
      const row = weights.get('tokEmbd')!.subarray(token * nEmbd, (token + 1) * nEmbd);
      const meanSquare = row.reduce((sum, x) => sum + x * x, 0) / nEmbd;
      for (let col = 0; col < nEmbd; col++) {
        const normed =
          (row[col]! / Math.sqrt(meanSquare + normEps)) * weights.get('layers.0.attnNorm')![col]!;
        expected[col]! += normed ** 2 / tokens.length;
      }
    }
    const first = columns.get('layers.0.qProj')!;
    for (let col = 0; col < nEmbd; col++) expect(first[col]! / expected[col]!).toBeCloseTo(1, 4);
    // Twice the same text has the same means; a later generation is not counted.
    expect(await measureColumns(engine, [tokens, tokens], widths, signal)).toEqual(columns);
  });
});

describe('import with a calibration', () => {
  const config = randomConfig({ nLayer: 1 });
  const tensors = randomLlama(config, 3);
  const nCol = config.nEmbd;
  const random = seededRandom(5);
  const columns = new Map(
    tensors
      .filter(({ instance }) => instance.shape[0] > 1)
      .map(({ instance: { name, shape } }) => [
        name,
        Float32Array.from({ length: shape[1] }, () => Math.exp(6 * random())),
      ]),
  );
  const quiet = { onWarning: () => {} };

  async function setUp(sourceSha256: string | null = null) {
    const file = await put('random.gguf', randomGguf(config, tensors));
    const path = join(root, 'columns.safetensors');
    await writeFile(path, encodeCalibration({ sourceSha256, nTokens: 1, columns }));
    return { file, path };
  }

  test('weighted errors become smaller, and only they change', async () => {
    const { file, path } = await setUp();
    const plain = await run(file, { preset: 'q4' });
    const plainWeights = await readWeights(plain.folder);
    const choose = calibratedPreset('q4', { path, ...quiet });
    const weighted = await run(file, { preset: 'q4', choose, force: true });
    const weights = await readWeights(weighted.folder);
    expect(weighted.manifest.preset).toBe('q4');
    expect(weighted.manifest.tensors).toEqual(plain.manifest.tensors);
    for (const { instance, values } of tensors) {
      const by = columns.get(instance.name);
      const errorOf = (got: Float32Array) =>
        values.reduce(
          (sum, x, i) => sum + (by?.[i % instance.shape[1]] ?? 1) * (x - got[i]!) ** 2,
          0,
        );
      const before = errorOf(plainWeights.get(instance.name)!);
      const after = errorOf(weights.get(instance.name)!);
      if (by === undefined) expect(after).toBe(before);
      else expect(after).toBeLessThan(before * 0.95);
    }
    expect(columns.get('layers.0.qProj')!.length).toBe(nCol);
  });

  test('a fit takes the weights as well, and depends on them', async () => {
    const { file, path } = await setUp();
    const changes: number[] = [];
    for (const calibration of [null, { path, ...quiet }]) {
      const budget = { budgetBytes: 12.5e6, nCtx: 64 };
      const choose = fitChooser(budget, calibration, (r) => changes.push(r.predictedChange));
      const { manifest } = await run(file, { choose, force: true });
      expect(manifest.preset).toBe('fit');
    }
    expect(changes[1]).not.toBe(changes[0]);
  });

  test('says when it was made with another file', async () => {
    const warnings: string[] = [];
    const onWarning = (text: string) => warnings.push(text);
    const foreign = await setUp('0'.repeat(64));
    const chooser = calibratedPreset('q4', { path: foreign.path, onWarning });
    await run(foreign.file, { preset: 'q4', choose: chooser });
    expect(warnings.join()).toContain('made with another file');
    warnings.length = 0;
    const own = await setUp(await hashFile(foreign.file));
    await run(own.file, { preset: 'q4', choose: chooser, force: true });
    expect(warnings).toEqual([]);
  });

  test('what is not there is named, with a way to it', async () => {
    const { file } = await setUp();
    const gone = calibratedPreset('q4', { path: join(root, 'gone'), ...quiet });
    expect((await failure(run(file, { choose: gone }))).message).toContain('thimble calibrate -m');
    const auto = calibratedPreset('q4', { path: 'auto', ...quiet });
    expect((await failure(run(file, { choose: auto }))).message).toContain('none was made');
  });
});
