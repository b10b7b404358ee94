/** Trainings from a configuration: cut off and gone on with, imported and served, and what cannot be trained. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { importModel } from '../../../scripts/import/import-model.ts';
import { loadLocalModel } from '../../../scripts/node-host/engine.ts';
import { logSumExp } from '../../../scripts/eval/statistics.ts';
import { readTrainingConfig, type TrainingConfig } from '../../../scripts/train/config.ts';
import type { RunResult } from '../../../scripts/train/result.ts';
import { runTraining, type RunOptions } from '../../../scripts/train/run-training.ts';
import { readTokenData } from '../../../scripts/train/token-data.ts';
import { SeededRandom } from '../../../scripts/lib/seeded-random.ts';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'thimble-train-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const WORDS = 'the a cat dog sat ran on under red blue mat tree and saw it happy'.split(' ');

function stories(seed: number, n: number): string {
  const random = new SeededRandom(seed);
  const sentence = (): string =>
    `${Array.from({ length: 6 }, () => WORDS[random.integer(0, WORDS.length - 1)]).join(' ')}.`;
  return Array.from({ length: n }, () => `${sentence()} ${sentence()}`).join('\n<|endoftext|>\n');
}

const JSON_CONFIG = {
  id: 'tiny',
  data: { files: ['text.txt'], heldOut: 0.1 },
  model: { layers: 2, dim: 32, heads: 4, kvHeads: 2, context: 48 },
  training: {
    steps: 6,
    sequences: 4,
    sequencesAtOnce: 2,
    rate: 0.01,
    evaluateEvery: 2,
    saveEvery: 3,
  },
};

async function configOf(changes: object = {}): Promise<TrainingConfig> {
  await writeFile(join(root, 'text.txt'), stories(1, 60));
  await writeFile(join(root, 'config.json'), JSON.stringify({ ...JSON_CONFIG, ...changes }));
  return await readTrainingConfig(join(root, 'config.json'));
}

async function train(
  config: TrainingConfig,
  name: string,
  more: Partial<RunOptions> = {},
): Promise<RunResult> {
  return await runTraining(config, {
    ...{ folder: join(root, name), nThread: 2, signal: new AbortController().signal },
    ...{ minutes: null, onStep: () => undefined, onData: () => undefined, ...more },
  });
}

test('a training that was cut off ends with the same weights, to the bit', async () => {
  const config = await configOf();
  const whole = await train(config, 'whole');
  expect(whole.steps).toBe(6);
  const abort = new AbortController();
  const part = await train(config, 'cut', {
    signal: abort.signal,
    onStep: ({ step }) => {
      if (step === 2) abort.abort();
    },
  });
  expect(part.steps).toBe(2);
  const rest = await train(config, 'cut', { nThread: 1 });
  expect(rest.history.map(({ step }) => step)).toEqual([3, 4, 5, 6]);
  const file = (name: string) => readFile(join(root, name, 'model/model.safetensors'));
  expect((await file('cut')).equals(await file('whole'))).toBe(true);
  expect(rest.loss).toBe(whole.loss);
});

test('what was trained is served: the engine finds the same loss', async () => {
  const config = await configOf({
    training: { ...JSON_CONFIG.training, steps: 40 },
  });
  const result = await train(config, 'out');
  expect(result.loss).toBeLessThan(result.history[0]!.loss - 1);
  const report = await readFile(result.reportFile, 'utf8');
  expect(report).toContain('<polyline');
  expect(report.match(/<pre><b>/g)).toHaveLength(3);
  expect(report).not.toContain('<|endoftext|>');
  const models = join(root, 'models');
  await importModel({ input: result.modelFolder, id: 'tiny', outRoot: models });
  const { engine } = await loadLocalModel('tiny', {}, models);
  const { heldOut } = await readTokenData(config);
  const { context } = config.model;
  let [loss, n] = [0, 0];
  for (let start = 0; start + context < heldOut.length; start += context)
    await engine.evaluate([...heldOut.subarray(start, start + context)], (position, logits) => {
      loss += logSumExp(logits) - logits[heldOut[start + position + 1]!]!;
      n++;
    });
  expect(n).toBeGreaterThan(context);
  // The engine's keys and values are halves.
  expect(Math.abs(loss / n - (result.heldOutLoss ?? 0))).toBeLessThan(2e-3);
});

describe('refused by name', () => {
  const refusal = async (run: () => Promise<unknown>): Promise<string> => {
    const error: unknown = await run().catch((caught: unknown) => caught);
    return error instanceof Error ? error.message : 'not refused';
  };

  test.each([
    ['an unknown field', { colour: 'red' }, /config\.json: .*colour/],
    ['no steps', { training: { steps: 0 } }, /training\.steps/],
    ['heads that do not divide', { model: { ...JSON_CONFIG.model, heads: 5 } }, /32 into 5 heads/],
    [
      'sequences that do not divide',
      { training: { ...JSON_CONFIG.training, sequencesAtOnce: 3 } },
      /training\.sequencesAtOnce: expected a divisor/,
    ],
    ['a file that is missing', { data: { files: ['none.txt'] } }, /none\.txt: cannot be read/],
    [
      'too little text',
      { model: { ...JSON_CONFIG.model, context: 4096 } },
      /expected more than the context, 4096/,
    ],
  ])('%s', async (_what, changes, message) => {
    expect(await refusal(async () => await train(await configOf(changes), 'out'))).toMatch(message);
  });

  test('a file that is not UTF-8', async () => {
    const config = await configOf();
    await writeFile(join(root, 'text.txt'), Uint8Array.of(0xff, 0xfe, 0x41));
    expect(await refusal(() => train(config, 'out'))).toMatch(/text\.txt: is not UTF-8/);
  });

  test('a checkpoint of another training', async () => {
    await train(await configOf(), 'out');
    const other = await configOf({ seed: 2 });
    expect(await refusal(() => train(other, 'out'))).toMatch(/of another configuration/);
  });
});
