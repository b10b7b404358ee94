/**
 * Every family on a tiny random model: the same numbers as GGUF against llama.cpp, and as a Hugging
 * Face folder against the GGUF and against transformers. Every bound is shown to bite.
 * @module-tag slow
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { archByName, ARCHITECTURES } from '../../engine/archs/index.ts';
import { FAMILY_FIXTURES } from '../support/family-fixtures.ts';
import type { FamilyFixture } from '../support/family-fixtures.ts';
import {
  configOf,
  FAMILY_TEXT,
  tensorsOf,
  titleOf,
  writeFixtureFolder,
} from '../support/fixture-model.ts';
import { engineLogits, maxDifference, meanKl, nativeLogits } from '../support/logits.ts';
import type { LogitRows } from '../support/logits.ts';
import { engineFrom, temporaryFolder } from '../support/models.ts';
import { bentTensor, familyGguf } from '../support/random-model.ts';
import type { TinyTensor } from '../support/tiny-llama.ts';

/**
 * Measured: 1.4e-7 to 6e-6. What is left is llama.cpp's rounding of queries, attention weights and
 * GELU to half precision.
 */
const KL_NATS = 4e-5;
/** Of GGUF and HF: keys that round to the other neighbour in the f16 cache. */
const TWIN_DIFFERENCE = 1e-2;
/** Measured: 1.9e-4 to 4.3e-3; 8 bits a weight, 8 bits an activation, a cache of 16 bits. */
const BLOCK_KL_NATS = 6e-3;
/** Measured: up to 1.8e-2, of a spread of 2.5: the keys and values of our cache are halves. */
const TRANSFORMERS_DIFFERENCE = 4e-2;
const TEXT = FAMILY_TEXT;
/** Logits transformers gives at some positions (tests/golden/make-family-logits.py). */
const GOLDEN = JSON.parse(
  await readFile(join(import.meta.dirname, '../golden/family-logits.json'), 'utf8'),
) as { positions: number[]; logits: Record<string, number[][]> };

/** Of positions: a token that goes to another expert of two all but equal ones counts once. */
function medianKl(reference: LogitRows, other: LogitRows): number {
  const each = reference.map((row, i) => meanKl([row], [other[i]!]));
  return each.sort((a, b) => a - b)[each.length >> 1]!;
}

async function withFile<T>(data: Uint8Array, use: (file: string) => Promise<T>): Promise<T> {
  await using folder = await temporaryFolder();
  const file = join(folder.path, 'tiny.gguf');
  await writeFile(file, data);
  return await use(file);
}
const ours = (data: Uint8Array, preset = 'lossless'): Promise<LogitRows> =>
  withFile(data, async (file) => {
    return await engineLogits(await engineFrom(file, preset, { kvDtype: 'f16' }), TEXT);
  });

async function hfLogits(fixture: FamilyFixture, tensors: readonly TinyTensor[]) {
  await using folder = await temporaryFolder();
  await writeFixtureFolder(folder.path, fixture, tensors);
  return await engineLogits(await engineFrom(folder.path, 'lossless'), TEXT);
}

describe.each(FAMILY_FIXTURES.map((fixture) => [titleOf(fixture), fixture] as const))(
  '%s',
  (_, fixture) => {
    const arch = archByName(fixture.family);
    const config = configOf(fixture);
    const tensors = tensorsOf(fixture);
    const gguf = (c = config, t: readonly TinyTensor[] = tensors) =>
      familyGguf(arch, c, t, fixture.gguf, fixture.ggufTensors);

    it("gives llama.cpp's logits, and others when anything is wrong", async () => {
      const reference = await withFile(gguf(), (file) => nativeLogits(file, TEXT));
      const kl = meanKl(reference, await ours(gguf()));
      expect(kl).toBeLessThanOrEqual(KL_NATS);
      const bent = gguf(config, bentTensor(tensors, 'layers.1.oProj'));
      const wrong = [bent, ...(fixture.bites ?? []).map((bite) => gguf({ ...config, ...bite }))];
      for (const [i, file] of wrong.entries())
        expect(meanKl(reference, await ours(file)), `bite ${i}`).toBeGreaterThan(2 * KL_NATS);
    });

    it('comes near those logits with weights of 8 bits', async () => {
      const exact = await ours(gguf());
      const distance = async (t: readonly TinyTensor[]) =>
        medianKl(exact, await ours(gguf(config, t), 'q8'));
      const rounded = await distance(tensors);
      expect(rounded).toBeLessThanOrEqual(BLOCK_KL_NATS);
      const bent = await distance(bentTensor(tensors, 'layers.0.vProj'));
      expect(bent).toBeGreaterThan(2 * rounded);
    });

    it('is the same model as GGUF and as a Hugging Face folder', async () => {
      const logits = await ours(gguf());
      const twin = await hfLogits(fixture, tensors);
      expect(maxDifference(logits, twin)).toBeLessThan(TWIN_DIFFERENCE);
      const other = await hfLogits(fixture, bentTensor(tensors, 'layers.0.vProj'));
      expect(maxDifference(logits, other)).toBeGreaterThan(5 * TWIN_DIFFERENCE);
      for (const bite of fixture.hfBites ?? []) {
        const bitten = { ...fixture, hf: { ...fixture.hf, ...bite } };
        const changed = await hfLogits(bitten, tensors);
        expect(maxDifference(logits, changed)).toBeGreaterThan(5 * TWIN_DIFFERENCE);
      }
    });
  },
);

/** Whose tensors are parts of quantized ones, or stacked with others. */
it.each([
  ['phi3', {}],
  ['olmoe', { nKvHead: 4, nExpert: 6, nExpertUsed: 2, nFf: 64 }],
])('%s takes quantized tensors apart', async (family, config) => {
  const fixture: FamilyFixture = { family, config };
  const tensors = tensorsOf(fixture);
  const file = (matrices: 'F32' | 'Q8_0', t = tensors) =>
    familyGguf(archByName(family), configOf(fixture), t, {}, [], matrices);
  const exact = await ours(file('F32'));
  const rounded = medianKl(exact, await ours(file('Q8_0')));
  expect(rounded).toBeLessThanOrEqual(BLOCK_KL_NATS);
  const bent = medianKl(exact, await ours(file('Q8_0', bentTensor(tensors, 'layers.0.vProj'))));
  expect(bent).toBeGreaterThan(2 * rounded);
});

const JUDGED = FAMILY_FIXTURES.flatMap((fixture) => {
  const golden = GOLDEN.logits[titleOf(fixture)];
  return golden === undefined ? [] : [[titleOf(fixture), fixture, golden] as const];
});

it.each(JUDGED)("%s gives transformers' logits from its folder", async (_, fixture, golden) => {
  const want = golden.map((row) => Float32Array.from(row));
  const at = (rows: LogitRows) => GOLDEN.positions.map((position) => rows[position]!);
  const tensors = tensorsOf(fixture);
  const logits = await hfLogits(fixture, tensors);
  expect(maxDifference(want, at(logits))).toBeLessThan(TRANSFORMERS_DIFFERENCE);
  const bent = await hfLogits(fixture, bentTensor(tensors, 'layers.0.vProj'));
  expect(maxDifference(want, at(bent))).toBeGreaterThan(2 * TRANSFORMERS_DIFFERENCE);
});

it('has a fixture for all that transformers was asked about', () => {
  expect(Object.keys(GOLDEN.logits).sort()).toEqual(JUDGED.map(([title]) => title).sort());
});

it('has a fixture for every architecture', () => {
  const families = new Set(FAMILY_FIXTURES.map(({ family }) => family));
  expect([...families].sort()).toEqual(ARCHITECTURES.map(({ name }) => name).sort());
});
