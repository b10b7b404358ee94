/** Trainings on pairs from a configuration: cut off and gone on with, written as models, and what cannot be trained. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { importModel } from '../../../scripts/import/import-model.ts';
import { SeededRandom } from '../../../scripts/lib/seeded-random.ts';
import { readTrainingConfig } from '../../../scripts/train/config.ts';
import type { PairsResult } from '../../../scripts/train/result.ts';
import { type PairsOptions, runPairs } from '../../../scripts/train/run-pairs.ts';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'thimble-pairs-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

/** Words in capitals and in small letters, which share no byte. */
function pairs(n: number): string {
  const random = new SeededRandom(1);
  return Array.from({ length: n }, () => {
    const text = random.word();
    return `${JSON.stringify({ a: text.toUpperCase(), b: text })}\n`;
  }).join('');
}

const CONFIG = {
  ...{ id: 'tiny', objective: 'contrastive', data: { files: ['pairs.jsonl'], heldOut: 0.1 } },
  model: { layers: 2, dim: 32, heads: 4, kvHeads: 2, context: 12 },
  training: { steps: 8, sequences: 8, rate: 0.003, evaluateEvery: 4, saveEvery: 3 },
};

async function train(
  changes: object,
  name: string,
  more: Partial<PairsOptions> = {},
): Promise<PairsResult> {
  const file = join(root, 'config.json');
  await writeFile(file, JSON.stringify({ ...CONFIG, ...changes }));
  return await runPairs(await readTrainingConfig(file), {
    ...{ folder: join(root, name), nThread: 2, signal: new AbortController().signal },
    ...{ minutes: null, onStep: () => undefined, onData: () => undefined, ...more },
  });
}

const weightsOf = (path: string): Promise<Buffer> =>
  readFile(join(root, path, 'model.safetensors'));

test('texts that share nothing find their own one, and what was held out says how often', async () => {
  await writeFile(join(root, 'pairs.jsonl'), pairs(400));
  const training = { ...CONFIG.training, steps: 150, sequences: 16 };
  const result = await train({ training }, 'out');
  expect(result.steps).toBe(150);
  expect(result.right).toBeGreaterThan(0.5);
  const report = await readFile(result.reportFile, 'utf8');
  expect(report).toContain('contrastive, one decoder, at 0.05');
  expect(report).toContain('360, and 40 held out');
});

test.each([1, 2])(
  '%i decoders: one that was cut off ends with the same weights, to the bit',
  async (towers) => {
    await writeFile(join(root, 'pairs.jsonl'), pairs(100));
    const contrastive = { towers };
    await train({ contrastive }, 'whole');
    const abort = new AbortController();
    const onStep = ({ step }: { readonly step: number }): void => {
      if (step === 5) abort.abort();
    };
    const part = await train({ contrastive }, 'cut', { signal: abort.signal, onStep });
    expect(part.steps).toBe(5);
    await train({ contrastive }, 'cut', { nThread: 1 });
    expect((await weightsOf('cut/model')).equals(await weightsOf('whole/model'))).toBe(true);
    const folders = towers === 1 ? ['model'] : ['model', 'model-b'];
    for (const folder of folders) {
      const input = join(root, 'whole', folder);
      const { manifest } = await importModel({ input, id: folder, preset: 'q8', outRoot: root });
      expect(manifest).toMatchObject({ kind: 'decoder', config: { nLayer: 2, nEmbd: 32 } });
    }
    if (towers === 2)
      expect((await weightsOf('whole/model-b')).equals(await weightsOf('whole/model'))).toBe(false);
  },
);

describe('refused by name', () => {
  test.each([
    ['{"a": "x"}', {}, /pairs\.jsonl: line 1: b: /],
    ['{"a": "", "b": "y"}', {}, /line 1: a: /],
    ['[]', {}, /line 1: /],
    ['{"a": "x"', {}, /line 1: is not JSON/],
    ['{"a": "x", "b": "y"}', {}, /0 pairs to learn from; expected 8/],
    ['', { contrastive: { temperature: 0 } }, /contrastive\.temperature: /],
    ['', { contrastive: { towers: 3 } }, /contrastive\.towers: /],
    ['', { training: { ...CONFIG.training, sequencesAtOnce: 4 } }, /sequencesAtOnce: pairs are/],
    ['', { training: { ...CONFIG.training, sequences: 1 } }, /training\.sequences: expected 2/],
  ])('%j with %j', async (text, changes, message) => {
    await writeFile(join(root, 'pairs.jsonl'), text);
    await expect(train(changes, 'out')).rejects.toThrow(message);
  });
});
