/** Prefixes of a document and of rows: made, cut off and gone on with, read again; and teachers. */
import { cp, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { isTrainedPrefix, type TrainedPrefix } from '../../../engine/adapters/prefix.ts';
import { PagePool, Sequence } from '../../../engine/cache/pages.ts';
import type { DecoderManifest } from '../../../engine/manifest/manifest.ts';
import { loadDecoder } from '../../../engine/model/decoder/load-decoder.ts';
import type { ModelSource } from '../../../engine/model/memory/source.ts';
import { TARGETS } from '../../../engine/train/adapter/base.ts';
import { logSumExp } from '../../../scripts/eval/statistics.ts';
import { FINETUNE_DEFAULTS, type FinetuneConfig } from '../../../scripts/finetune/config.ts';
import { isAnswer } from '../../../scripts/finetune/document/evaluate.ts';
import { makeChronicle } from '../../../scripts/finetune/document/chronicle.ts';
import type { FinetuneResult } from '../../../scripts/finetune/result.ts';
import { type FinetuneOptions, runFinetune } from '../../../scripts/finetune/run-finetune.ts';
import { asEnginePrefix } from '../../../scripts/finetune/samples.ts';
import { trainedPrefix, writePrefix } from '../../../scripts/finetune/write-prefix.ts';
import { openAdapter } from '../../../scripts/import/open/open-adapter.ts';
import { SeededRandom } from '../../../scripts/lib/seeded-random.ts';
import { loadKernelModules } from '../../../scripts/node-host/kernels.ts';
import { readTokenizer } from '../../../scripts/node-host/model-files.ts';
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
  root = await mkdtemp(join(tmpdir(), 'thimble-prefixes-'));
  ({ modelsRoot, source } = await importSmall(root, 'q8', { nCtx: 2048 }, SMALL_TEMPLATE));
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'run-'));
});

interface StudyItem {
  readonly prompt: string;
  readonly tokens: readonly number[];
  readonly shares: readonly number[];
}

const path = (name: string): string => join(folder, name);

function finetune(
  changes: Partial<FinetuneConfig>,
  out: string,
  more: Partial<FinetuneOptions> = {},
): Promise<FinetuneResult> {
  const config: FinetuneConfig = {
    ...{ model: 'small', data: path('rows.jsonl'), targets: TARGETS, steps: null },
    ...{ ...FINETUNE_DEFAULTS, invocation: null, epochs: 2, rate: 2e-2, heldOut: 0.1, ...changes },
  };
  return runFinetune(config, {
    ...{ folder: path(out), nThread: 2, signal: new AbortController().signal, modelsRoot },
    ...{ minutes: null, onStep: () => undefined, onData: () => undefined },
    ...{ onPassage: () => undefined, onPicture: () => undefined, ...more },
  });
}

const DOCUMENT = {
  ...{ questions: null, nQuestion: 2, hasRest: true, passageTokens: 120 },
};
const TEXT = [
  'The mill of Brenholm is kept by Ada Moor. The road there is long.',
  'Dunford is known for its blue glass. In winter the snow lies deep there.',
  'The bridge of Calmoor was built in 1712. The fields around it are not rich.',
];
const QUESTIONS = [
  { question: 'Who keeps the mill of Brenholm?', quote: 'The mill of Brenholm' },
  { question: 'What is Dunford known for?', quote: 'Dunford is known', answer: 'blue glass' },
];

async function writeDocument(): Promise<Partial<FinetuneConfig>> {
  await writeFile(path('document.txt'), TEXT.join('\n\n'));
  await writeFile(path('asked.jsonl'), QUESTIONS.map((row) => JSON.stringify(row)).join('\n'));
  const document = { ...DOCUMENT, questions: path('asked.jsonl') };
  return { data: path('document.txt'), document, prefix: 19, batch: 2, heldOut: 0, epochs: 6 };
}

const bytesOf = (out: string): Promise<Buffer> =>
  readFile(path(join(out, 'adapter_model.safetensors')));

describe('a document', () => {
  test('becomes a prefix, with what was asked, a card and a report', async () => {
    const config = await writeDocument();
    const passages: number[] = [];
    const result = await finetune(config, 'out', { onPassage: (nDone) => passages.push(nDone) });
    expect(result.isWhole).toBe(true);
    expect(passages).toEqual(passages.map((_, i) => i + 1));
    // Of whole epochs: some rows are learned from shares, others word for word.
    const losses = result.history.map(({ loss }) => loss);
    const nStep = losses.length / config.epochs!;
    const lossOf = (epoch: number): number =>
      losses.slice(epoch * nStep, (epoch + 1) * nStep).reduce((sum, loss) => sum + loss, 0);
    expect(lossOf(config.epochs! - 1)).toBeLessThan(lossOf(0));
    const lines = (await readFile(path('out/study.jsonl'), 'utf8')).trim().split('\n').slice(1);
    expect(lines).toHaveLength(passages.length);
    const asked = lines.flatMap((line) => JSON.parse(line) as StudyItem[]);
    for (const { question } of QUESTIONS)
      expect(asked.filter(({ prompt }) => prompt === question)).toHaveLength(1);
    // An answer that somebody wrote is learned as it stands.
    const item = asked.find(({ prompt }) => prompt === QUESTIONS[1]!.question)!;
    const tokenizer = await readTokenizer(join(modelsRoot, 'small'), source.manifest);
    expect(tokenizer.decode(item.tokens.slice(0, -1))).toBe('blue glass');
    expect(source.manifest.tokenizer.eosIds).toContain(item.tokens.at(-1));
    expect(item.shares.filter((share) => share === 1)).toHaveLength(item.tokens.length);
    expect(asked.some(({ prompt }) => prompt.startsWith('Go on with the text'))).toBe(true);
    expect(JSON.parse(await readFile(path('out/adapter_config.json'), 'utf8'))).toMatchObject({
      ...{ peft_type: 'PREFIX_TUNING', num_virtual_tokens: 19, num_layers: 2, token_dim: 16 },
      ...{ num_attention_heads: 2, prefix_projection: false, base_model_name_or_path: 'small' },
    });
    const card = await readFile(path('out/README.md'), 'utf8');
    expect(card).toContain('# A trained prefix of');
    expect(card).toContain('prefix: 19 positions of keys and values');
    expect(card).not.toContain(folder);
    expect(await readFile(path('out/report.html'), 'utf8')).toContain('<polyline');
    const read = await openAdapter(path('out'), source.manifest);
    expect(isTrainedPrefix(read)).toBe(true);
  });

  test('cut off while questions are made, and in a step, ends with the same prefix, to the bit', async () => {
    const config = await writeDocument();
    const whole = await finetune(config, 'whole');
    const abort = new AbortController();
    const onPassage = (nDone: number): void => {
      if (nDone === 1) abort.abort();
    };
    await expect(
      finetune(config, 'cut', { signal: abort.signal, onPassage }),
    ).rejects.toMatchObject({ code: 'E_ABORTED' });
    // As a kill in the middle of a line leaves it.
    const study = await readFile(path('cut/study.jsonl'), 'utf8');
    await writeFile(path('cut/study.jsonl'), `${study}[{"prompt": "Who`);
    let nStep = 0;
    const stop = new AbortController();
    const part = await finetune(config, 'cut', {
      signal: stop.signal,
      onStep: () => void (++nStep === 3 && stop.abort()),
    });
    expect(part).toMatchObject({ isWhole: false, steps: 3 });
    const rest = await finetune(config, 'cut', { nThread: 1 });
    expect(rest.steps).toBe(whole.steps);
    expect((await bytesOf('cut')).equals(await bytesOf('whole'))).toBe(true);
  });

  test('a study of another document is not gone on with', async () => {
    const config = await writeDocument();
    await finetune({ ...config, epochs: null, steps: 1 }, 'out');
    await writeFile(path('document.txt'), TEXT.slice(1).join('\n\n'));
    await writeFile(path('asked.jsonl'), JSON.stringify(QUESTIONS[1]));
    await expect(finetune(config, 'out')).rejects.toThrow(/study\.jsonl: is of another document/);
  });

  test.each([
    ['{"question": "Who?"', /line 1: is not JSON/],
    ['{"question": "Who?"}', /line 1: quote: /],
    [
      '{"question": "Who?", "quote": "nobody said this"}',
      /line 1: quote: is not within one passage/,
    ],
    ['', /has no questions/],
  ])('refuses the questions %j', async (text, message) => {
    const config = await writeDocument();
    await writeFile(path('asked.jsonl'), text);
    await expect(finetune(config, 'out')).rejects.toThrow(message);
  });

  test('refuses a study that is damaged, and one of nothing', async () => {
    const config = await writeDocument();
    const nothing = { ...DOCUMENT, nQuestion: 0, hasRest: false };
    await expect(finetune({ ...config, document: nothing }, 'out')).rejects.toThrow(
      /nothing is asked about .*document\.txt/,
    );
    await finetune({ ...config, epochs: null, steps: 1 }, 'damaged');
    const study = await readFile(path('damaged/study.jsonl'), 'utf8');
    for (const wrong of [
      study.replace('"ids":[', '"ids":[7,'),
      study.replace('"prompt"', 'prompt'),
    ]) {
      await writeFile(path('damaged/study.jsonl'), wrong);
      await expect(finetune(config, 'damaged')).rejects.toMatchObject({ code: 'E_USAGE' });
    }
  });

  test('refuses an empty document, a model without a template and a prefix without context', async () => {
    const config = await writeDocument();
    await expect(finetune({ ...config, prefix: 1025 }, 'out')).rejects.toThrow(
      /prefix: 1025 positions; expected at most half of the context of small, 2048/,
    );
    await writeFile(path('document.txt'), ' \n ');
    await expect(finetune(config, 'out')).rejects.toThrow(/document\.txt: has no text/);
    const bare = await importSmall(root, 'q8', { nCtx: 2048 });
    const again = await writeDocument();
    await expect(finetune(again, 'out', { modelsRoot: bare.modelsRoot })).rejects.toThrow(
      /has no chat template/,
    );
  });
});

/** Texts of a's and b's that say the other letter after each. */
async function writeRows(n: number): Promise<void> {
  const random = new SeededRandom(1);
  const rows = Array.from({ length: n }, () => {
    const text = Array.from({ length: random.integer(2, 9) }, () => random.chance(0.5));
    const [prompt, completion] = [true, false].map((one) =>
      text.map((letter) => (letter === one ? 'a' : 'b')).join(''),
    );
    return JSON.stringify({ prompt, completion });
  });
  await writeFile(path('rows.jsonl'), rows.join('\n'));
}

describe('rows', () => {
  test('become a prefix, too', async () => {
    await writeRows(40);
    const result = await finetune({ prefix: 24, epochs: 6, rate: 5e-2 }, 'out');
    expect(result.heldOutLoss).toBeLessThan(result.heldOutBefore! * 0.9);
    expect(result.nWeight).toBe(2 * 2 * 24 * 16);
  });

  test('a teacher that is the base has nothing to teach, and another one has', async () => {
    await writeRows(40);
    const own = await finetune({ teacher: 'small', steps: 1, epochs: null }, 'own');
    const plain = await finetune({ steps: 1, epochs: null }, 'plain');
    // What the 16 likeliest tokens leave out, and 8-bit activations.
    expect(own.heldOutBefore).toBeLessThan(plain.heldOutBefore! / 4);
    const other = await importSmall(root, 'lossless', { nCtx: 2048, ropeTheta: 777, nLayer: 3 });
    const both = await mkdtemp(join(root, 'both-'));
    await cp(join(modelsRoot, 'small'), join(both, 'small'), { recursive: true });
    await cp(join(other.modelsRoot, 'small'), join(both, 'large'), { recursive: true });
    const text = await readFile(join(both, 'large/manifest.json'), 'utf8');
    await writeFile(
      join(both, 'large/manifest.json'),
      text.replace('"id":"small"', '"id":"large"'),
    );
    const options = { modelsRoot: both };
    const taught = await finetune({ teacher: 'large', epochs: 12, rate: 1e-2 }, 'taught', options);
    expect(taught.heldOutLoss).toBeLessThan(taught.heldOutBefore! * 0.9);
    await finetune({ teacher: 'large', epochs: 12, rate: 1e-2 }, 'again', options);
    expect((await bytesOf('again')).equals(await bytesOf('taught'))).toBe(true);
  });

  test('preferences have no teacher', async () => {
    const row = { prompt: 'a', chosen: 'b', rejected: 'c' };
    await writeFile(path('rows.jsonl'), JSON.stringify(row));
    await expect(finetune({ teacher: 'small' }, 'out')).rejects.toThrow(
      /teacher: rows of preferences are learned without one/,
    );
  });
});

test('the engine finds the losses of the trainer with a prefix, and so it does with its file', async () => {
  const nPrefix = 37;
  const training = await startSmall(source, { nPrefix, targets: [] });
  try {
    const random = new SeededRandom(2);
    for (const weight of training.program.plan.graph.weights) {
      const values = training.read(weight);
      for (let i = 0; i < values.length; i++) values[i] = (random.next() - 0.5) * 4;
    }
    const { tokens, active, starts, picks, targets } = smallPass(source.manifest.config.nVocab, 3);
    const weights = new Float32Array(picks.length).fill(1);
    const pass = { tokens, active, starts, picks, targets, weights };
    const losses = training.evaluate(pass);
    const config = { model: 'small', prefix: nPrefix };
    await writePrefix(path('out'), training, config, 'A card.\n');
    const read = (await openAdapter(path('out'), source.manifest)) as TrainedPrefix;
    expect(read).toEqual(trainedPrefix(training, config));
    const options = { memoryBudgetBytes: null, adapterBytes: 1 << 20 };
    const { decoder } = await loadDecoder(source, await loadKernelModules(), options);
    const adapter = decoder.addAdapter(asEnginePrefix(training, config));
    const found: number[] = [];
    for (let i = 0; i + 1 < starts.length; i++) {
      const sequence = new Sequence(new PagePool(decoder.limits.nPage));
      sequence.reserve(nPrefix + starts[i + 1]! - starts[i]!);
      for (let row = starts[i]!; row < starts[i + 1]!; row++) {
        const part = { sequence, inputs: [tokens[row]!], slot: 0, logitsFrom: 0, adapter };
        decoder.forward([part], (_part, _index, at) => {
          const pick = picks.indexOf(row);
          const logits = decoder.logits(at);
          if (pick >= 0) found[pick] = logSumExp(logits) - logits[targets[pick]!]!;
        });
      }
    }
    const gapTo = (other: ArrayLike<number>): number =>
      losses.reduce((sum, loss, pick) => sum + Math.abs(loss - other[pick]!), 0) / losses.length;
    // Activations are 8 bits in the engine, keys and values 8 bits.
    const gap = gapTo(found);
    expect(gap).toBeLessThan(0.03);
    expect(gapTo(training.evaluate(pass, false))).toBeGreaterThan(10 * gap);
  } finally {
    await training.close();
  }
});

test('a chronicle is the same for a seed, and has each fact once', () => {
  const options = { nVillage: 8, seed: 5 };
  const { text, learned, heldOut } = makeChronicle(options);
  expect(makeChronicle(options)).toEqual({ text, learned, heldOut });
  expect(makeChronicle({ ...options, seed: 6 }).text).not.toBe(text);
  expect(heldOut).toHaveLength(8 * 2);
  expect(learned).toHaveLength(8 * 4);
  const wordings = new Set(learned.map(({ question }) => question));
  for (const { question, answer, quote } of heldOut) {
    expect(wordings.has(question)).toBe(false);
    expect(text.split(quote)).toHaveLength(2);
    expect(quote).toContain(answer);
  }
});

test.each([
  ['It was built in 1712.', '1712', true],
  ['It was built in 17120.', '1712', false],
  ['It is BLUE-glass, they say', 'blue glass', true],
  ['Ada Moore', 'Ada Moor', false],
])('%j has the answer %j: %s', (said, expected, isRight) => {
  expect(isAnswer(said, expected)).toBe(isRight);
});
