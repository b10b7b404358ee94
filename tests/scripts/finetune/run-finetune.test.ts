/** Fine-tunings of a small model: cut off and gone on with, as the engine serves them, and what cannot be learned. */
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { Adapter } from '../../../engine/adapters/adapter.ts';
import { isTrainedPrefix } from '../../../engine/adapters/prefix.ts';
import { PagePool, Sequence } from '../../../engine/cache/pages.ts';
import type { DecoderManifest } from '../../../engine/manifest/manifest.ts';
import { loadDecoder } from '../../../engine/model/decoder/load-decoder.ts';
import type { ModelSource } from '../../../engine/model/memory/source.ts';
import { f16ToF32, f32ToF16 } from '../../../engine/quant/half.ts';
import { TARGETS } from '../../../engine/train/adapter/base.ts';
import { logSumExp } from '../../../scripts/eval/statistics.ts';
import { FINETUNE_DEFAULTS, type FinetuneConfig } from '../../../scripts/finetune/config.ts';
import type { FinetuneResult } from '../../../scripts/finetune/result.ts';
import { type FinetuneOptions, runFinetune } from '../../../scripts/finetune/run-finetune.ts';
import { asEngineAdapter } from '../../../scripts/finetune/samples.ts';
import { openAdapter } from '../../../scripts/import/open/open-adapter.ts';
import { SeededRandom } from '../../../scripts/lib/seeded-random.ts';
import { loadKernelModules } from '../../../scripts/node-host/kernels.ts';
import {
  importSmall,
  SMALL_TEMPLATE,
  smallPass,
  startSmall,
} from '../../support/adapter-training.ts';

let root = '';
let modelsRoot = '';
let folder = '';
let source: ModelSource<DecoderManifest>;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'thimble-finetune-'));
  ({ modelsRoot, source } = await importSmall(root, 'q8', {}, SMALL_TEMPLATE));
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'run-'));
});

/** Texts of a's and b's that say the other letter after each. */
function conversations(n: number): object[] {
  const random = new SeededRandom(1);
  return Array.from({ length: n }, () => {
    const text = Array.from({ length: random.integer(2, 9) }, () =>
      random.next() < 0.5 ? 'a' : 'b',
    );
    const other = text.map((letter) => (letter === 'a' ? 'b' : 'a'));
    return {
      messages: [
        { role: 'user', content: text.join('') },
        { role: 'assistant', content: other.join('') },
      ],
    };
  });
}

async function configOf(
  rows: readonly object[],
  changes: Partial<FinetuneConfig> = {},
): Promise<FinetuneConfig> {
  const data = join(folder, 'rows.jsonl');
  await writeFile(data, rows.map((row) => JSON.stringify(row)).join('\n'));
  return {
    ...{ model: 'small', data, targets: TARGETS, steps: null, invocation: null },
    ...{ ...FINETUNE_DEFAULTS, rank: 4, alpha: 8, rate: 1e-2, heldOut: 0.1, ...changes },
  };
}

async function finetune(
  config: FinetuneConfig,
  name: string,
  more: Partial<FinetuneOptions> = {},
): Promise<FinetuneResult> {
  return await runFinetune(config, {
    ...{ folder: join(folder, name), nThread: 2, signal: new AbortController().signal, modelsRoot },
    ...{
      minutes: null,
      onStep: () => undefined,
      onData: () => undefined,
      onPassage: () => undefined,
      onPicture: () => undefined,
      ...more,
    },
  });
}
const weightsOf = (name: string): Promise<Buffer> =>
  readFile(join(folder, name, 'adapter_model.safetensors'));

test('an adapter is learned, with its card, its report and its place in PEFT', async () => {
  const config = await configOf(conversations(60), { epochs: 4, licence: 'CC0-1.0' });
  const result = await finetune(config, 'out');
  expect(result).toMatchObject({ steps: 27, nStep: 27, isWhole: true });
  expect(result.heldOutLoss).toBeLessThan(result.heldOutBefore! * 0.7);
  expect(result.history.map(({ step }) => step)).toEqual([...Array(27).keys()].map((i) => i + 1));
  const text = (name: string) => readFile(join(folder, 'out', name), 'utf8');
  expect(JSON.parse(await text('adapter_config.json'))).toMatchObject({
    ...{ peft_type: 'LORA', task_type: 'CAUSAL_LM', r: 4, lora_alpha: 8, bias: 'none' },
    base_model_name_or_path: 'small',
    target_modules: [
      ...['q_proj', 'k_proj', 'v_proj', 'o_proj', 'gate_proj', 'up_proj', 'down_proj'],
    ],
  });
  const card = await text('README.md');
  expect(card).toMatch(/^---\nbase_model: "small"\nlibrary_name: peft\n/);
  expect(card).toContain('license: "CC0-1.0"');
  expect(card).toContain('rows: 60 of the form "messages"');
  expect(card).not.toContain(folder);
  const report = await text('report.html');
  expect(report).toContain('<polyline');
  expect(report.match(/<td>before<td>/g)).toHaveLength(3);
  expect(report).not.toContain(folder);
});

test('halves of an adapter are its weights, rounded, of the same training', async () => {
  const config = await configOf(conversations(20), { epochs: 1 });
  await finetune(config, 'out');
  const whole = await weightsOf('out');
  // The command that goes on has nothing left to learn.
  await finetune(config, 'out', { inHalves: true });
  const half = await weightsOf('out');
  expect(half.length).toBeLessThan(whole.length * 0.6);
  const { config: c, architecture } = source.manifest;
  const read = async (): Promise<Adapter> => {
    const adapter = await openAdapter(join(folder, 'out'), { config: c, architecture });
    if (isTrainedPrefix(adapter)) throw new Error('expected a low-rank adapter');
    return adapter;
  };
  const rounded = await read();
  await finetune(config, 'out');
  expect(await weightsOf('out')).toEqual(whole);
  const exact = await read();
  for (const [name, { a, b }] of exact.pairs) {
    const pair = rounded.pairs.get(name)!;
    expect(pair.a).toEqual(a.map((x) => f16ToF32(f32ToF16(x))));
    expect(pair.b).toEqual(b.map((x) => f16ToF32(f32ToF16(x))));
  }
});

test('rows of a file are measured on in place of a share, and none of the data is lost to it', async () => {
  const validation = join(folder, 'validation.jsonl');
  await writeFile(
    validation,
    conversations(7)
      .map((row) => JSON.stringify(row))
      .join('\n'),
  );
  const config = await configOf(conversations(20), { epochs: 1, validation });
  const sizes: number[][] = [];
  const onData: FinetuneOptions['onData'] = ({ train, heldOut }) =>
    void sizes.push([train.length, heldOut.length]);
  const { heldOutBefore, heldOutLoss } = await finetune(config, 'measured', { onData });
  expect(sizes).toEqual([[20, 7]]);
  expect(heldOutBefore! - heldOutLoss!).toBeGreaterThan(0);
  expect(await readFile(join(folder, 'measured', 'README.md'), 'utf8')).toContain(
    'held out: 7 rows of validation.jsonl',
  );
  // What is measured on decides nothing.
  await finetune({ ...config, validation: null, heldOut: 0 }, 'not');
  expect(await weightsOf('not')).toEqual(await weightsOf('measured'));
  await writeFile(validation, '{"text": "ab"}');
  await expect(finetune(config, 'other')).rejects.toThrow(/validation: .* of the form "text"; exp/);
});

test('the adapter is kept as it was after the last epochs', async () => {
  const config = await configOf(conversations(10), { epochs: 5, batch: 4, heldOut: 0 });
  const epochs: (number | null)[] = [];
  await finetune(config, 'out', { nKeptEpoch: 2, onStep: ({ epoch }) => void epochs.push(epoch) });
  // Fifty rows, four a step.
  const ends = [null, null, 1, null, 2, null, null, 3, null, 4, null, null, 5];
  expect(epochs).toEqual(ends);
  const kept = [1, 2, 3, 4, 5].filter((n) => existsSync(join(folder, 'out', `epoch-${n}`)));
  expect(kept).toEqual([4, 5]);
  const ofEpoch = (n: number) => weightsOf(`out/epoch-${n}`);
  expect(await ofEpoch(5)).toEqual(await weightsOf('out'));
  expect(await ofEpoch(4)).not.toEqual(await ofEpoch(5));
});

test('of data smaller than a step the last epochs are kept, too', async () => {
  const config = await configOf(conversations(3), { epochs: 9, batch: 5, heldOut: 0 });
  await finetune(config, 'out', { nKeptEpoch: 3 });
  const kept = [1, 2, 3, 4, 5, 6, 7, 8, 9].filter((n) =>
    existsSync(join(folder, 'out', `epoch-${n}`)),
  );
  expect(kept).toEqual([6, 8, 9]);
});

/** Answers that are better than what was asked. */
function preferences(n: number): object[] {
  return conversations(n).map((row) => {
    const { messages } = row as { messages: { content: string }[] };
    const [asked, said] = messages.map(({ content }) => content) as [string, string];
    return { prompt: `${asked} `, chosen: said, rejected: asked };
  });
}

test.each([
  ['conversations', conversations, 30],
  ['preferences', preferences, 60],
])(
  '%s: one that was cut off within a step ends with the same weights, to the bit',
  async (_, rows, nHear) => {
    const config = await configOf(rows(60), { epochs: 2, maxTokens: 24 });
    const whole = await finetune(config, 'whole');
    const abort = new AbortController();
    let nHeard = 0;
    // Heard after the first pass of a step: what it has learned of it is thrown away.
    const signal = Object.defineProperty({}, 'aborted', {
      get: () => abort.signal.aborted || ++nHeard > nHear,
    }) as AbortSignal;
    const part = await finetune(config, 'cut', { signal });
    expect(part.isWhole).toBe(false);
    expect(part.steps).toBeGreaterThan(0);
    const rest = await finetune(config, 'cut', { nThread: 1 });
    expect((await weightsOf('cut')).equals(await weightsOf('whole'))).toBe(true);
    const losses = ({ history }: FinetuneResult) => history.map(({ step, loss }) => [step, loss]);
    expect(losses(rest)).toEqual(losses(whole));
    expect(rest.heldOutBefore).toBe(whole.heldOutBefore);
  },
);

test('the engine finds the losses of the trainer, with the adapter and from an invocation on', async () => {
  const training = await startSmall(source, { rank: 8 });
  try {
    const random = new SeededRandom(2);
    for (const weight of training.program.plan.graph.weights) {
      const values = training.read(weight);
      for (let i = 0; i < values.length; i++) values[i] = (random.next() - 0.5) * 0.5;
    }
    const { nVocab } = source.manifest.config;
    const { tokens, active, starts, picks, targets } = smallPass(nVocab, 3);
    const weights = new Float32Array(picks.length).fill(1);
    const pass = { tokens, active, starts, picks, targets, weights };
    const losses = training.evaluate(pass);
    const config = { rank: 8, alpha: 16, targets: TARGETS };
    const options = { memoryBudgetBytes: null, adapterBytes: 1 << 20 };
    const { decoder } = await loadDecoder(source, await loadKernelModules(), options);
    const handle = decoder.addAdapter(asEngineAdapter(training, config));
    const found = new Map<number, number>();
    for (let i = 0; i + 1 < starts.length; i++) {
      const sequence = new Sequence(new PagePool(decoder.limits.nPage));
      sequence.reserve(starts[i + 1]! - starts[i]!);
      for (let row = starts[i]!; row < starts[i + 1]!; row++) {
        const adapter = active[row] === 1 ? handle : null;
        const part = { sequence, inputs: [tokens[row]!], slot: 0, logitsFrom: 0, adapter };
        decoder.forward([part], (_part, _index, at) => {
          const pick = picks.indexOf(row);
          const logits = decoder.logits(at);
          if (pick >= 0) found.set(pick, logSumExp(logits) - logits[targets[pick]!]!);
        });
      }
    }
    expect(found.size).toBe(picks.length);
    const gapTo = (other: (pick: number) => number): number =>
      losses.reduce((sum, loss, pick) => sum + Math.abs(loss - other(pick)), 0) / losses.length;
    // Activations are 8 bits in the engine, keys and values halves.
    const gap = gapTo((pick) => found.get(pick)!);
    const bases = training.evaluate(pass, false);
    expect(gap).toBeLessThan(0.03);
    expect(gapTo((pick) => bases[pick]!)).toBeGreaterThan(10 * gap);
  } finally {
    await training.close();
  }
});

test('preferences make the chosen answer likelier than the rejected one', async () => {
  const config = await configOf(preferences(30), { epochs: 6, rate: 1e-2 });
  const result = await finetune(config, 'out');
  expect(result.history[0]!.loss).toBeCloseTo(Math.LN2, 5);
  expect(result.heldOutBefore).toBeCloseTo(Math.LN2, 5);
  expect(result.heldOutLoss).toBeLessThan(0.5);
});

test('an adapter that is switched on has its tokens in its configuration', async () => {
  const config = await configOf(conversations(20), { epochs: 1, invocation: 'u:' });
  const result = await finetune(config, 'out');
  expect(result.isWhole).toBe(true);
  const text = await readFile(join(folder, 'out/adapter_config.json'), 'utf8');
  const { alora_invocation_tokens: tokens } = JSON.parse(text) as Record<string, unknown>;
  expect(tokens).toBeInstanceOf(Array);
});

test('with more steps one that has ended goes on, at the rate of as many, and with fewer none does', async () => {
  const config = await configOf(conversations(30), { epochs: null, steps: 6 });
  await finetune(config, 'out');
  const longer = await finetune({ ...config, steps: 9 }, 'out');
  expect(longer).toMatchObject({ steps: 9, nStep: 9, isWhole: true });
  const rates = longer.history.map(({ rate }) => rate);
  expect(rates).toHaveLength(9);
  expect(rates[6]).toBeGreaterThan(rates[5]!);
  expect(rates[8]).toBeLessThan(rates[6]!);
  await expect(finetune({ ...config, steps: 8 }, 'out')).rejects.toMatchObject({
    ...{ code: 'E_USAGE', message: expect.stringMatching(/^steps: 8; .* 9 already/) as string },
  });
});

describe('refused', () => {
  const refusal = async (run: () => Promise<unknown>): Promise<string> => {
    const error: unknown = await run().catch((caught: unknown) => caught);
    return error instanceof Error ? error.message : 'not refused';
  };

  test('a checkpoint of other options or other data', async () => {
    const config = await configOf(conversations(12), { epochs: 1 });
    await finetune(config, 'out');
    const other = { ...config, rate: 2e-2 };
    expect(await refusal(() => finetune(other, 'out'))).toMatch(/checkpoint of another config/);
    const more = await configOf(conversations(13), { epochs: 1 });
    expect(await refusal(() => finetune(more, 'out'))).toMatch(/or of other data/);
  });

  test('a loss that is no number, with the line, and what was good is kept', async () => {
    const config = await configOf(conversations(20), {
      epochs: 5,
      batch: 1,
      heldOut: 0,
      rate: 1e30,
    });
    const message = await refusal(() => finetune(config, 'out'));
    expect(message).toMatch(
      /the loss of line \d+ of .*rows\.jsonl is not a number in step \d+\..*lower --rate/,
    );
    // Of before the first step.
    const checkpoint = await readFile(join(folder, 'out/checkpoint.safetensors'), 'latin1');
    expect(checkpoint).toContain('"step":"0"');
  });

  test('a model that is not there, and data that is not text', async () => {
    const config = await configOf(conversations(12));
    const other = { ...config, model: 'none' };
    expect(await refusal(() => finetune(other, 'out'))).toMatch(/model none: not imported/);
    await writeFile(config.data, Uint8Array.of(0xff, 0xfe, 0x41));
    expect(await refusal(() => finetune(config, 'out'))).toMatch(/rows\.jsonl: is not UTF-8/);
    await writeFile(config.data, '');
    expect(await refusal(() => finetune(config, 'out'))).toMatch(/has no rows/);
    await rm(config.data);
    expect(await refusal(() => finetune(config, 'out'))).toMatch(/rows\.jsonl: cannot be read/);
  });

  test('a folder that cannot be written', async () => {
    const config = await configOf(conversations(12), { epochs: 1 });
    await writeFile(join(folder, 'file'), '');
    expect(await refusal(() => finetune(config, 'file/out'))).toMatch(/cannot write \(ENOTDIR\)/);
  });

  test.skipIf(!existsSync('/dev/full'))('a full disk, and the last checkpoint stays', async () => {
    const config = await configOf(conversations(20), { epochs: 2 });
    const abort = new AbortController();
    const stop = { signal: abort.signal, onStep: () => abort.abort() };
    expect((await finetune(config, 'out', stop)).steps).toBe(1);
    const file = join(folder, 'out/checkpoint.safetensors');
    const before = await readFile(file);
    await symlink('/dev/full', `${file}.part`);
    expect(await refusal(() => finetune(config, 'out'))).toMatch(/the disk is full/);
    expect((await readFile(file)).equals(before)).toBe(true);
    // What was in the way is gone.
    expect((await finetune(config, 'out')).isWhole).toBe(true);
  });
});
