/** The small data set: the same from the same seed, true answers, splits that do not leak, and its baseline. */
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LogMel } from '../../../engine/audio/log-mel.ts';
import { decodePicture } from '../../../engine/vision/decode-picture.ts';
import { UnboundBaseline } from '../../../scripts/data/mini/baseline.ts';
import { dialogueOf } from '../../../scripts/data/mini/dialogues.ts';
import { digitFrames, N_MELS, writeDigits } from '../../../scripts/data/mini/digits.ts';
import { readEasyVqa } from '../../../scripts/data/mini/easy-vqa.ts';
import { writeMini } from '../../../scripts/data/mini/mini.ts';
import {
  answerOf as finalAnswer,
  captionOf,
  COLOURS,
  drawScene,
  HELD_OUT_PAIRS,
  questionsOf,
  SCENE_SIDE,
  sceneOf,
  SHAPES,
} from '../../../scripts/data/mini/scenes.ts';
import type { Question, Scene } from '../../../scripts/data/mini/scenes.ts';
import { findTestData } from '../../support/needs.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'thimble-mini-'));
});
afterAll(() => rm(folder, { recursive: true, force: true }));

const SEED = 3;
const N_SCENE = 1000;
const scenes = Array.from({ length: N_SCENE }, (_, i) => sceneOf(SEED, i));
const pairsOf = ({ objects }: Scene) => objects.map(({ colour, shape }) => `${colour} ${shape}`);
const heldOut = new Set(HELD_OUT_PAIRS.map((pair) => pair.join(' ')));

describe('scenes', () => {
  test('have every pair, and held-out pairs in held-out scenes alone', () => {
    const all = new Set(scenes.flatMap(pairsOf));
    expect(all.size).toBe(Object.keys(COLOURS).length * SHAPES.length);
    for (const scene of scenes)
      expect(pairsOf(scene).some((pair) => heldOut.has(pair))).toBe(scene.split === 'held_out');
    const learned = scenes.filter(({ split }) => split === 'train').flatMap(pairsOf);
    for (const word of [...Object.keys(COLOURS), ...SHAPES])
      expect(learned.some((pair) => pair.split(' ').includes(word))).toBe(true);
  });

  test('have objects that lie inside and do not overlap', () => {
    const sizes = new Set<number>();
    for (const { objects } of scenes) {
      sizes.add(objects.length);
      for (const [i, one] of objects.entries()) {
        for (const at of [one.x, one.y]) {
          expect(at - one.radius).toBeGreaterThan(0);
          expect(at + one.radius).toBeLessThan(SCENE_SIDE - 1);
        }
        for (const other of objects.slice(i + 1))
          expect(Math.max(Math.abs(one.x - other.x), Math.abs(one.y - other.y))).toBeGreaterThan(
            one.radius + other.radius,
          );
      }
    }
    expect([...sizes].sort()).toEqual([1, 2, 3, 4]);
  });

  test('have captions from left to right, with a column for each object', () => {
    for (const scene of scenes) {
      const said = [...captionOf(scene).matchAll(/at (\d) an? (\w+ \w+)/g)];
      const columns = said.map(([, column]) => Number(column));
      expect(columns).toEqual([...new Set(columns)].toSorted((a, b) => a - b));
      const expected = scene.objects
        .toSorted((a, b) => a.x - b.x)
        .map(({ colour, shape }) => `${colour} ${shape}`);
      expect(said.map(([, , name]) => name)).toEqual(expected);
    }
  });

  test('are drawn in the colours of their objects, at their middles and nowhere else', () => {
    for (const scene of scenes.slice(0, 100)) {
      const rgb = drawScene(scene);
      const at = (x: number, y: number) => [
        ...rgb.subarray(3 * (y * SCENE_SIDE + x)).subarray(0, 3),
      ];
      for (const { colour, x, y } of scene.objects) expect(at(x, y)).toEqual([...COLOURS[colour]]);
      for (let x = 0; x < SCENE_SIDE; x++) expect(at(x, 0)).toEqual([...scene.background]);
    }
  });

  test('are the same from the same seed, and others from another', () => {
    expect(scenes.map((_, i) => sceneOf(SEED, i))).toEqual(scenes);
    expect(Array.from({ length: 50 }, (_, i) => captionOf(sceneOf(4, i)))).not.toEqual(
      scenes.slice(0, 50).map(captionOf),
    );
  });
});

/** The answer, found in another way than it was made: from the words of the question. */
function answerOf({ objects }: Scene, { question }: Question): string {
  const [, pair] = /^is there an? (.*)\?$/.exec(question) ?? [];
  if (pair !== undefined)
    return objects.some(({ colour, shape }) => `${colour} ${shape}` === pair) ? 'yes' : 'no';
  const [, shape] = /^what colour is the (.*)\?$/.exec(question) ?? [];
  if (shape !== undefined) return objects.find((one) => one.shape === shape)!.colour;
  const [, colour] = /^what shape is the (.*) object\?$/.exec(question) ?? [];
  if (colour !== undefined) return objects.find((one) => one.colour === colour)!.shape;
  const [, kind] = /^how many (.*)s are there\?$/.exec(question) ?? [];
  if (kind !== undefined)
    return String(objects.filter((one) => kind === 'object' || kind.startsWith(one.shape)).length);
  // A shape, the object of a colour, or a shape of a colour: no other may have that name.
  const x = (name: string) => {
    const named = objects.filter((object) =>
      [object.shape, `${object.colour} object`, `${object.colour} ${object.shape}`].includes(name),
    );
    expect([name, named.length]).toEqual([name, 1]);
    return named[0]!.x;
  };
  const [, placed] = /^in which column is the (.*)\?$/.exec(question) ?? [];
  if (placed !== undefined) return `at ${Math.ceil((x(placed) + 1) / (SCENE_SIDE / 8))}`;
  const [, one, other] = /^is the (.*) left or right of the (.*)\?$/.exec(question)!;
  return x(one!) < x(other!) ? 'left' : 'right';
}

describe('questions', () => {
  const asked = scenes.flatMap((scene, i) =>
    questionsOf(scene, SEED, i).map((question) => ({ scene, ...question })),
  );

  test('have true answers of every type', () => {
    for (const one of asked)
      expect([one.question, one.answer]).toEqual([one.question, answerOf(one.scene, one)]);
    expect(new Set(asked.map(({ type }) => type)).size).toBe(6);
  });

  test('have reasonings that lead to their answers', () => {
    const columns = (text: string): number[] =>
      [...text.matchAll(/at (\d)/g)].map(([, column]) => Number(column));
    for (const { scene, type, reasoning, answer } of asked) {
      const found = columns(reasoning);
      if (type === 'count') expect(answer).toBe(String(found.length));
      else if (type === 'left or right')
        expect(answer).toBe(found[0]! < found[1]! ? 'left' : 'right');
      else expect(reasoning).toBe('');
      const places = columns(captionOf(scene));
      for (const column of found) expect(places).toContain(column);
    }
    expect(
      asked.filter(({ type, answer }) => type === 'count' && answer === '0').length,
    ).toBeGreaterThan(10);
  });

  test('answers are what is said in the end', () => {
    for (const { reasoning, answer } of asked)
      expect(finalAnswer(`${reasoning}${answer}`)).toBe(answer);
    expect(finalAnswer('at 2 a red circle, at 5 an orange square')).toBe(
      'a red circle, an orange square',
    );
  });

  test('are answered by yes as often as by no, and by left as by right', () => {
    for (const answers of [
      ['yes', 'no'],
      ['left', 'right'],
    ]) {
      const both = asked.filter(({ answer }) => answers.includes(answer));
      const nFirst = both.filter(({ answer }) => answer === answers[0]).length;
      // Five standard deviations.
      expect(Math.abs(nFirst - both.length / 2)).toBeLessThan(2.5 * Math.sqrt(both.length));
    }
  });

  test('of scenes to learn from never name a held-out pair', () => {
    for (const { scene, question } of asked)
      if (scene.split !== 'held_out')
        for (const pair of heldOut) expect(question).not.toContain(pair);
  });
});

describe('dialogues', () => {
  test('take turns, add rightly, and are the same from the same seed', () => {
    for (let i = 0; i < 300; i++) {
      const messages = dialogueOf(SEED, i);
      expect(messages).toEqual(dialogueOf(SEED, i));
      expect(messages.map(({ role }) => role)).toEqual(
        messages.map((_, j) => (j % 2 === 0 ? 'user' : 'assistant')),
      );
      for (const { content } of messages) {
        const sum = /^(\d+) plus (\d+) is (\d+)\.$/.exec(content);
        if (sum !== null) expect(Number(sum[1]) + Number(sum[2])).toBe(Number(sum[3]));
        for (const pair of heldOut) expect(content).not.toContain(pair);
      }
    }
  });
});

describe('the baseline', () => {
  test('answers by what was most frequent, counted by hand', () => {
    const baseline = new UnboundBaseline();
    const rows = [
      ['a', 'yes'],
      ['a', 'no'],
      ['a', 'no'],
      ['b', 'yes'],
      ['b', 'yes'],
    ] as const;
    for (const [question, answer] of rows) baseline.learn({ question, answer, type: 't' });
    expect(baseline.answer({ question: 'a', type: 't' })).toEqual({ byType: 'yes', byWords: 'no' });
    expect(baseline.answer({ question: 'new', type: 't' })).toEqual({
      byType: 'yes',
      byWords: 'yes',
    });
    expect(baseline.answer({ question: 'a', type: 'other' })).toEqual({
      byType: null,
      byWords: 'no',
    });
    const score = baseline.score(
      rows.map(([question, answer]) => ({ question, answer, type: 't' })),
    );
    expect(score).toEqual({ nQuestion: 5, nByType: 3, nByWords: 4 });
  });
});

/** Half a second of a tone as a WAV file of 8 kHz. */
function toneWav(): Uint8Array {
  const n = 4000;
  const bytes = new Uint8Array(44 + 2 * n);
  const view = new DataView(bytes.buffer);
  const tag = (at: number, text: string) => bytes.set(new TextEncoder().encode(text), at);
  tag(0, 'RIFF');
  view.setUint32(4, 36 + 2 * n, true);
  tag(8, 'WAVEfmt ');
  view.setUint32(16, 16, true);
  view.setUint16(20, 1, true);
  view.setUint16(22, 1, true);
  view.setUint32(24, 8000, true);
  view.setUint32(28, 16_000, true);
  view.setUint16(32, 2, true);
  view.setUint16(34, 16, true);
  tag(36, 'data');
  view.setUint32(40, 2 * n, true);
  for (let i = 0; i < n; i++)
    view.setInt16(44 + 2 * i, 8000 * Math.sin((2 * Math.PI * 500 * i) / 8000), true);
  return bytes;
}

describe('digits', () => {
  test('are the frames of the kit at 16 kHz, one after the other, with speakers held out', async () => {
    const [source, out] = [join(folder, 'fsdd'), join(folder, 'frames')];
    await mkdir(source);
    await mkdir(out);
    for (const name of ['7_theo_1.wav', '0_george_2.wav', 'README.md'])
      await writeFile(join(source, name), toneWav());
    const digits = await writeDigits(source, out, new AbortController().signal);
    expect(digits).toEqual([
      {
        ...{ recording: '0_george_2.wav', transcript: 'zero', speaker: 'george', split: 'train' },
        ...{ first_frame: 0, frames: 50 },
      },
      {
        ...{ recording: '7_theo_1.wav', transcript: 'seven', speaker: 'theo', split: 'held_out' },
        ...{ first_frame: 50, frames: 50 },
      },
    ]);
    const bytes = await readFile(join(out, 'frames.f32'));
    const frames = new Float32Array(new Uint8Array(bytes).buffer);
    const wanted = digitFrames(toneWav(), new LogMel(N_MELS));
    expect(frames.subarray(0, wanted.length)).toEqual(wanted);
    expect(frames.subarray(wanted.length)).toEqual(wanted);
    // 500 Hz is in the same band in every frame, and louder than all others.
    const loudest = wanted.subarray(20 * N_MELS, 21 * N_MELS);
    const top = loudest.indexOf(Math.max(...loudest));
    expect([top >= 10, top <= 16]).toEqual([true, true]);
  });

  test('of a folder without any are refused', async () => {
    const writing = writeDigits(join(folder, 'none'), folder, new AbortController().signal);
    await expect(writing).rejects.toMatchObject({ code: 'E_DATA_INVALID' });
  });
});

describe('all of it', () => {
  const mini = (out: string, signal = new AbortController().signal) =>
    writeMini({
      ...{ out, seed: SEED, nScene: 60, nDialogue: 20, easyVqa: null, fsdd: null, signal },
      about: {
        ...{ name: 'mini', description: 'Made.', licence: 'CC0-1.0', url: null },
        ...{ creator: null, date: '2026-01-02' },
      },
    });

  test('is the same to the bit, and its pictures are what the scenes say', async () => {
    const [one, other] = [join(folder, 'one'), join(folder, 'other')];
    const { rows } = await mini(one);
    await mini(other);
    expect(rows['scenes/captions.jsonl']).toBe(60);
    const names = (await readdir(one, { recursive: true })).filter((name) => /\.\w+$/.test(name));
    expect(names.length).toBe(60 + 5);
    for (const name of names)
      expect(await readFile(join(other, name))).toEqual(await readFile(join(one, name)));
    const { rgb } = decodePicture(await readFile(join(one, 'scenes/images/000007.png')));
    expect(rgb).toEqual(drawScene(scenes[7]!));
  });

  test('that was cut off leaves nothing', async () => {
    const before = await readdir(folder);
    await expect(mini(join(folder, 'cut'), AbortSignal.abort())).rejects.toMatchObject({
      code: 'E_ABORTED',
    });
    expect(await readdir(folder)).toEqual(before);
  });
});

const EASY_VQA = findTestData(
  'easy-vqa/easy_vqa/data',
  'github.com/vzhou842/easy-VQA, easy_vqa/data',
);
describe.skipIf(EASY_VQA === null)('easy-VQA', () => {
  test('has the questions that its makers count, each with a picture and a type', async () => {
    const rows = await readEasyVqa(EASY_VQA!);
    expect(rows.filter(({ split }) => split === 'train')).toHaveLength(38_575);
    expect(rows.filter(({ split }) => split === 'test')).toHaveLength(9673);
    const isYesNo = ({ answer }: { answer: string }) => ['yes', 'no'].includes(answer);
    for (const row of rows) expect(isYesNo(row)).toBe(row.type === 'yes or no');
    expect(rows.filter((row) => row.split === 'train' && isYesNo(row))).toHaveLength(28_407);
  });
});
