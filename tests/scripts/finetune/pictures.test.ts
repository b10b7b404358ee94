/** Fine-tunings of a small model with eyes: what is learned, cut off and gone on with, and as the engines serve it. */
import { appendFile, mkdir, mkdtemp, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import { isTrainedPrefix } from '../../../engine/adapters/prefix.ts';
import type { SeeingAdapter } from '../../../engine/adapters/eyes.ts';
import { TARGETS } from '../../../engine/train/adapter/base.ts';
import { FINETUNE_DEFAULTS, type FinetuneConfig } from '../../../scripts/finetune/config.ts';
import {
  isHeldOut,
  readPictures,
  sharedOpening,
} from '../../../scripts/finetune/pictures/dataset.ts';
import { CAPTIONERS, measureCaptions } from '../../../scripts/finetune/pictures/evaluate.ts';
import { measureQuestions, plainAnswer } from '../../../scripts/finetune/pictures/questions.ts';
import {
  CAPTION_QUESTIONS,
  captionRows,
  questionRows,
  readPictureRows,
} from '../../../scripts/finetune/pictures/rows.ts';
import { SeeingModel } from '../../../scripts/finetune/pictures/seeing-model.ts';
import type { FinetuneResult } from '../../../scripts/finetune/result.ts';
import { type FinetuneOptions, runFinetune } from '../../../scripts/finetune/run-finetune.ts';
import { openAdapter } from '../../../scripts/import/open/open-adapter.ts';
import {
  COLOUR_NAMES,
  importSeeing,
  readSeeing,
  SEEING_BASE_ID,
  TINY_ENCODER_ID,
  writePictures,
} from '../../support/eyes.ts';

const N_EACH = 6;
let root = '';
let modelsRoot = '';
let rows = '';
let folder = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'thimble-pictures-'));
  modelsRoot = await importSeeing(root, 'q8');
  rows = await writePictures(join(root, 'pictures'), N_EACH);
});
afterAll(() => rm(root, { recursive: true, force: true }));
beforeEach(async () => {
  folder = await mkdtemp(join(root, 'run-'));
});

const configOf = (changes: Partial<FinetuneConfig> = {}): FinetuneConfig => ({
  ...{ ...FINETUNE_DEFAULTS, model: SEEING_BASE_ID, data: rows, targets: TARGETS },
  ...{ steps: 60, epochs: null, invocation: null, rank: 4, alpha: 8, rate: 1e-2, heldOut: 0.2 },
  pictures: { files: [rows], encoder: TINY_ENCODER_ID, grid: 2 },
  ...changes,
});

async function finetune(
  name: string,
  config = configOf(),
  more: Partial<FinetuneOptions> = {},
): Promise<FinetuneResult> {
  const silent = (): void => undefined;
  return await runFinetune(config, {
    ...{ folder: join(folder, name), nThread: 2, signal: new AbortController().signal, modelsRoot },
    ...{ minutes: null, onStep: silent, onData: silent, onPassage: silent, onPicture: silent },
    ...more,
  });
}

async function openEyes(name: string): Promise<SeeingAdapter> {
  const adapter = await openAdapter(join(folder, name), (await readSeeing(modelsRoot)).base);
  if (isTrainedPrefix(adapter)) throw new Error('a prefix');
  return adapter;
}

test('what is said of pictures is learned, and is as likely to the engines that serve it', async () => {
  const result = await finetune('out', configOf({ steps: 150 }));
  expect(result).toMatchObject({ steps: 150, isWhole: true });
  const adapter = await openEyes('out');
  expect(adapter.eyes?.facts).toMatchObject({ encoder: TINY_ENCODER_ID, grid: 2, nEmbd: 48 });
  const model = await SeeingModel.open(SEEING_BASE_ID, adapter, modelsRoot);
  const { signal } = new AbortController();
  const all = await readPictures(await readPictureRows([rows]));
  const held = all.filter(({ sha256 }) => isHeldOut(sha256, 0.2));
  expect(held.length).toBeGreaterThan(2);
  let [loss, weight] = [0, 0];
  for (const { path, texts } of held) {
    const picture = await model.look(path);
    for (const text of texts) {
      const losses = await model.losses(picture, text, signal);
      // A text counts as much as the root of its length.
      loss += losses.reduce((sum, one) => sum + one, 0) / Math.sqrt(losses.length);
      weight += Math.sqrt(losses.length);
    }
  }
  const question = CAPTION_QUESTIONS[0];
  const picture = await model.look(held[0]!.path);
  const greedy = await model.answer(picture, question, signal);
  expect(greedy.length).toBeGreaterThan(3);
  expect(await model.bestAnswer(picture, question, 1, signal)).toBe(greedy);
  expect((await model.bestAnswer(picture, question, 3, signal)).length).toBeGreaterThan(3);
  // Activations are 8 bits in the engine, keys and values, too.
  expect(Math.abs(loss / weight - result.heldOutLoss!)).toBeLessThan(0.03);
  expect(result.heldOutLoss).toBeLessThan(result.heldOutBefore! * 0.7);

  const options = {
    file: join(folder, 'vectors.bin'),
    signal,
    most: 100,
    beams: 1,
    split: null,
    heldOut: 0.3,
  };
  const told = (): void => undefined;
  const { report, told: captions } = await measureCaptions(model, await readPictureRows([rows]), {
    ...{ ...options, onPicture: told, onCaption: told },
  });
  expect(report.nPicture + report.nKnown).toBe(COLOUR_NAMES.length * N_EACH);
  expect(captions).toHaveLength(report.nPicture);
  for (const name of CAPTIONERS) expect(report.scores[name].cider.value).toBeGreaterThanOrEqual(0);
  // Colours are what neighbours are alike in.
  expect(report.scores.neighbours.cider.value).toBeGreaterThan(report.scores.constant.cider.value);
  expect(report.loss.own).toBeLessThan(report.loss.shuffled);
  const asked = { signal, most: 7, split: null, heldOut: 0.3, onAnswer: told };
  const answers = await measureQuestions(model, await readPictureRows([rows]), asked);
  expect(answers.report.nQuestion).toBe(7);
  expect(answers.told).toHaveLength(7);
  // What it says as what is expected: all is right, but for the one that is changed.
  const own = answers.told.map(({ image, question, said }, i) => ({
    ...{ file: rows, line: i + 1, image, split: 'own' },
    texts: [{ question, answer: i === 2 ? `not ${said}` : `  The ${said}. ` }],
  }));
  const again = await measureQuestions(model, own, { ...asked, split: 'own' });
  expect(again.told.map(({ isRight }) => isRight)).toContain(false);
  expect(again.report.right.value).toBeCloseTo(6 / 7, 6);
  expect(again.report).toMatchObject({ nQuestion: 7, nKnown: 0, words: { value: 0 } });
  await expect(
    measureQuestions(model, await readPictureRows([rows]), { ...asked, split: 'none' }),
  ).rejects.toThrow(/no questions to ask/);
  model.close();

  const card = await readFile(join(folder, 'out/README.md'), 'utf8');
  expect(card).toContain('- sees through: tiny-encoder');
  expect(card).toContain('pipeline_tag: image-text-to-text');
  expect(card).not.toContain(root);
  const page = await readFile(join(folder, 'out/report.html'), 'utf8');
  expect(page).toContain('(people: a ');
  expect(page).not.toContain(root);
}, 120_000);

test('cut off and gone on with, the weights are the same to the bit', async () => {
  const config = configOf({ steps: 12 });
  await finetune('whole', config);
  const abort = new AbortController();
  let nStep = 0;
  await finetune('cut', config, {
    signal: abort.signal,
    onStep: () => {
      if (++nStep === 5) abort.abort();
    },
  });
  const result = await finetune('cut', config);
  expect(result.isWhole).toBe(true);
  for (const file of ['adapter_model.safetensors', 'eyes.safetensors', 'eyes.json'])
    expect(await readFile(join(folder, 'cut', file))).toEqual(
      await readFile(join(folder, 'whole', file)),
    );
});

test('vectors of pictures are made once, also when their file was cut off', async () => {
  const made: number[] = [];
  const onPicture = (_nDone: number, nPicture: number): void => void made.push(nPicture);
  const config = configOf({ steps: 1 });
  await finetune('out', config, { onPicture });
  const file = join(folder, 'out/features.bin');
  const bytes = await readFile(file);
  expect(made).toHaveLength(COLOUR_NAMES.length * N_EACH);
  made.length = 0;
  await finetune('out', config, { onPicture });
  expect(made).toEqual([]);
  // In the middle of the last picture.
  await truncate(file, bytes.length - 100);
  await finetune('out', config, { onPicture });
  expect(made).toEqual([1]);
  expect(await readFile(file)).toEqual(bytes);
  // What is not ours is begun anew.
  await writeFile(file, 'something else\n');
  await finetune('out', config, { onPicture });
  expect(await readFile(file)).toEqual(bytes);
});

test('answers are alike without capitals, articles and marks at their end', () => {
  expect(plainAnswer(' The garbage  bin. ')).toBe('garbage bin');
  expect(plainAnswer('Yes!')).toBe(plainAnswer('yes'));
  expect(plainAnswer('theatre')).toBe('theatre');
});

test('a part of easy-VQA is read as it is published', async () => {
  const part = join(folder, 'test');
  await mkdir(part);
  const file = join(part, 'questions.json');
  await writeFile(file, JSON.stringify([['is there a circle?', 'no', 12]]));
  const expected = [
    {
      ...{ file, line: 1, image: join(part, 'images/12.png'), split: 'test' },
      texts: [{ question: 'is there a circle?', answer: 'no' }],
    },
  ];
  expect(await readPictureRows([part])).toEqual(expected);
  expect(await readPictureRows([file])).toEqual(expected);
  await writeFile(file, '[["is there a circle?"]]');
  await expect(readPictureRows([part])).rejects.toThrow(/questions\.json: 0/);
});

test('a row may have captions and questions, and is asked for each kind alone', async () => {
  const file = join(folder, 'both.jsonl');
  const questions = [{ question: 'What color is it?', answer: 'red' }];
  const lines = [
    { image: 'red-0.png', captions: ['red', 'all red'], questions },
    { image: 'red-1.png', captions: ['more red'] },
    { image: 'red-1.png', question: 'Is it blue?', answer: 'no' },
    { image: 'blue-0.png', caption: 'blue', questions },
  ];
  await writeFile(file, lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
  const all = await readPictureRows([file]);
  const answers = (some: typeof all): string[][] =>
    some.map(({ texts }) => texts.map(({ answer }) => answer));
  expect(answers(all)).toEqual([['red', 'all red', 'red'], ['more red'], ['no'], ['blue', 'red']]);
  expect(answers(captionRows(all))).toEqual([['red', 'all red'], ['more red'], ['blue']]);
  expect(answers(questionRows(all))).toEqual([['red'], ['no'], ['red']]);
  await appendFile(
    file,
    '{"image": "a.png", "captions": ["a"], "questions": [{"question": "b?"}]}',
  );
  await expect(readPictureRows([file])).rejects.toThrow(/line 5: expected/);
});

test('rows of another split are not learned from', async () => {
  const file = join(root, 'pictures', 'split.jsonl');
  await writeFile(file, await readFile(rows, 'utf8'));
  const row = { image: 'red-0.png', captions: ['a test that nobody learns'], split: 'test' };
  await appendFile(file, `${JSON.stringify(row)}\n`);
  const pictures = { files: [file], encoder: TINY_ENCODER_ID, grid: 2 };
  let nRow = 0;
  await finetune('out', configOf({ steps: 1, pictures }), {
    onData: (data) => (nRow = data.nRow),
  });
  expect(nRow).toBe(2 * COLOUR_NAMES.length * N_EACH);
});

test.each([
  ['no JSON', 'not json', /line 1: is not JSON/],
  ['no texts', '{"image": "red-0.png"}', /line 1: expected \{"image", "captions"/],
  ['a caption of nothing', '{"image": "red-0.png", "caption": " "}', /line 1: /],
  ['a missing picture', '{"image": "none.png", "caption": "a"}', /none\.png cannot be read/],
  ['what is no picture', '{"image": "captions.jsonl", "caption": "a"}', /expected/],
  ['another split alone', '{"image": "red-0.png", "caption": "a", "split": "dev"}', /split/],
])('%s is refused by its place', async (_, line, message) => {
  const file = join(root, 'pictures', 'bad.jsonl');
  await writeFile(file, `${line}\n`);
  const pictures = { files: [file], encoder: TINY_ENCODER_ID, grid: 2 };
  await expect(finetune('out', configOf({ pictures }))).rejects.toThrow(message);
});

test('an opening is what all texts have in common before their pictures', () => {
  const text = (tokens: number[], activeFrom: number) => ({
    ...{ tokens: Uint32Array.from(tokens), learned: new Uint8Array(tokens.length), activeFrom },
  });
  expect(sharedOpening([text([1, 2, 3, 4], 3), text([1, 2, 3, 5], 4)])).toEqual([1, 2, 3]);
  expect(sharedOpening([text([1, 2, 3, 4], 3), text([1, 7, 3, 5], 3)])).toEqual([1]);
});
