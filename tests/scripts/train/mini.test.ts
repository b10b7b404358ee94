/** The small model of three modalities: its examples, what is measured, and that a cut changes nothing. */
import { createHash } from 'node:crypto';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { repoRoot } from '../../../scripts/lib/paths.ts';
import { SeededRandom } from '../../../scripts/lib/seeded-random.ts';
import { type MiniConfig, readMiniConfig, stagesOf } from '../../../scripts/train/mini/config.ts';
import type { Example } from '../../../scripts/train/mini/example.ts';
import { ExampleWriter } from '../../../scripts/train/mini/example.ts';
import { finishMini } from '../../../scripts/train/mini/finish.ts';
import { mixtureBatch } from '../../../scripts/train/mini/mixture.ts';
import { fillPass, packExamples } from '../../../scripts/train/mini/pack.ts';
import { type MiniOptions, runMini } from '../../../scripts/train/mini/run-mini.ts';
import { openSources } from '../../../scripts/train/mini/sources/index.ts';
import { promptOf } from '../../../scripts/train/mini/served.ts';
import { openVocabulary, type Vocabulary } from '../../../scripts/train/mini/vocabulary.ts';

const ASSETS = join(repoRoot, 'assets/mini');
const NO_PATHS = { stories: null, easyVqa: null, fsdd: null, voice: null };

let folder: string;
let config: MiniConfig;
let tokenizerJson: string;
let vocabulary: Vocabulary;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'thimble-mini-'));
  const committed = await readMiniConfig(join(ASSETS, 'config.json'));
  tokenizerJson = await readFile(join(ASSETS, 'tokenizer.json'), 'utf8');
  vocabulary = openVocabulary(tokenizerJson);
  const { then: _later, ...first } = committed;
  config = {
    ...first,
    model: { layers: 2, dim: 32, heads: 2, context: 256 },
    training: {
      ...committed.training,
      ...{ steps: 4, rows: 768, warmupSteps: 1, evaluateEvery: 2, saveEvery: 1 },
      ...{ evaluated: 3, evaluatedAtEnd: 3, labelLayer: 1 },
    },
  };
});
afterAll(() => rm(folder, { recursive: true, force: true }));

/** Of its picture. */
const hashOf = ({ segments }: Example): string =>
  createHash('sha256').update(new Uint8Array(segments[0]!.values.buffer)).digest('hex');

/** What of an example is learned, as text, by what stands before it. */
function learnedText({ targets, weights }: Example): string {
  return vocabulary.tokenizer.decode(targets.filter((_, i) => weights[i]! > 0));
}

describe('examples', () => {
  test('answers are learned with their end, questions and markers are not', () => {
    const example = new ExampleWriter(vocabulary)
      .question('is there a red circle?')
      .answer({ kind: 'existence', question: 'is there a red circle?', answer: 'yes' }, 3)
      .question('how many squares are there?')
      .answer({ kind: 'count', question: 'how many squares are there?', answer: '2' }, 1)
      .end(256);
    expect(learnedText(example)).toBe('yes<|end|>2<|end|>');
    const [first, second] = example.answers;
    const sum = (from: number, to: number): number =>
      example.weights.slice(from, to).reduce((a, b) => a + b, 0);
    expect(sum(first!.from, first!.to)).toBeCloseTo(3, 6);
    expect(sum(second!.from, second!.to)).toBeCloseTo(1, 6);
    expect(sum(0, example.weights.length)).toBeCloseTo(4, 6);
  });

  test('what is cut off at the end is neither learned nor asked', () => {
    const example = new ExampleWriter(vocabulary)
      .question('is there a red circle?')
      .answer({ kind: 'existence', question: '', answer: 'yes' }, 1)
      .question('how many squares are there?')
      .answer({ kind: 'count', question: '', answer: '2' }, 1)
      .end(12);
    expect(example.tokens).toHaveLength(12);
    expect(example.answers.map(({ kind }) => kind)).toEqual(['existence']);
    expect(example.weights.at(-1)).toBe(0);
  });

  test('patches name what they show, and nothing else of a picture is learned', async () => {
    const { sources } = await openSources({ config, vocabulary, paths: NO_PATHS, cache: folder });
    const { source } = sources.find(({ source: { name } }) => name === 'scenes')!;
    const example = source.example(new SeededRandom(3), 10_000);
    const [picture] = example.segments;
    expect(picture).toMatchObject({ sense: 'image', n: 64 });
    const names = new Set<string>();
    for (let i = 0; i < 64; i++) {
      const row = picture!.firstRow + i;
      if (example.weights[row]! > 0)
        names.add(vocabulary.tokenizer.decode([example.targets[row]!]));
    }
    const caption = vocabulary.tokenizer.decode([...example.targets]);
    const [columns, words] = [/^ [1-8]$/, /^ [a-z]/].map((is) =>
      [...names].filter((name) => is.test(name)),
    );
    expect([columns!.length > 0, words!.length > 0]).toEqual([true, true]);
    expect(columns!.length + words!.length).toBe(names.size);
    for (const word of words!) expect(caption).toContain(word.trim());
  });

  test('no question about a scene comes twice, and some scenes are asked about places, or counts, alone', async () => {
    const scenes = { ...config.sources.scenes, counted: 0.3 };
    const counting = { ...config, sources: { ...config.sources, scenes } };
    const opening = { config: counting, vocabulary, paths: NO_PATHS, cache: folder };
    const { sources } = await openSources(opening);
    const { source } = sources.find(({ source: { name } }) => name === 'scenes')!;
    const random = new SeededRandom(5);
    let [nPlaced, nCounted] = [0, 0];
    for (let i = 0; i < 200; i++) {
      const { answers } = source.example(random, 10_000);
      const asked = answers.map(({ question }) => question);
      expect(asked).toHaveLength(new Set(asked).size);
      expect(asked.length).toBeGreaterThan(0);
      if (answers.every(({ kind }) => kind === 'column' || kind === 'left or right')) nPlaced++;
      if (answers.length > 1 && answers.every(({ kind }) => kind === 'count')) nCounted++;
    }
    for (const n of [nPlaced, nCounted]) {
      expect(n).toBeGreaterThan(10);
      expect(n).toBeLessThan(100);
    }
  });

  test('scenes that are measured are not those that are learned from, and all pairs are learned', async () => {
    const { sources } = await openSources({ config, vocabulary, paths: NO_PATHS, cache: folder });
    const { source } = sources.find(({ source: { name } }) => name === 'scenes')!;
    const held = source.heldOut(30).map(hashOf);
    const seen = new Set<string>();
    const random = new SeededRandom(1);
    for (let i = 0; i < 300; i++) {
      const example = source.example(random, 10_000);
      expect(held).not.toContain(hashOf(example));
      const text = learnedText(example);
      for (const [pair] of text.matchAll(
        /(?:red|green|blue|yellow|purple|orange) (?:circle|square|triangle|cross)/g,
      ))
        seen.add(pair);
    }
    expect(seen.size).toBe(24);
    expect(source.heldOut(30).map(hashOf)).toEqual(held);
  });

  test('the prompt of an example has its segments where its rows are', async () => {
    const { sources } = await openSources({ config, vocabulary, paths: NO_PATHS, cache: folder });
    const { source } = sources.find(({ source: { name } }) => name === 'scenes')!;
    const [example] = source.heldOut(1);
    const prompt = promptOf(example!);
    expect(prompt.map(({ kind }) => kind)).toEqual(['tokens', 'vectors', 'tokens']);
    const nToken = prompt.reduce(
      (n, part) => n + (part.kind === 'tokens' ? part.ids.length : 64),
      0,
    );
    expect(nToken).toBe(example!.tokens.length);
  });
});

describe('passes', () => {
  const exampleOf = (n: number): Example => ({
    tokens: Array.from({ length: n }, () => 1),
    targets: Array.from({ length: n }, () => 2),
    weights: Array.from({ length: n }, () => 0.5),
    segments: [],
    answers: [],
  });

  test('hold whole examples, each a sequence of its own', () => {
    const lengths = [5, 9, 3, 12, 1];
    let i = 0;
    const next = () => (i < lengths.length ? exampleOf(lengths[i++]!) : null);
    const passes = [...packExamples(next, 14)];
    expect(passes.map(({ batch }) => [...batch.starts!])).toEqual([
      [0, 5, 14],
      [0, 3],
      [0, 12, 13],
    ]);
    const filled = fillPass(() => exampleOf(4), 14);
    expect([...filled.batch.starts!]).toEqual([0, 4, 8, 12]);
  });

  test('follow from the seed and the step', async () => {
    const { sources } = await openSources({ config, vocabulary, paths: NO_PATHS, cache: folder });
    const at = (seed: number, step: number) =>
      mixtureBatch(sources, { seed, step, nRow: 768 }).batch;
    expect(at(1, 5)).toEqual(at(1, 5));
    expect(at(1, 5).tokens).not.toEqual(at(1, 6).tokens);
    expect(at(1, 5).tokens).not.toEqual(at(2, 5).tokens);
  });
});

describe('a training', () => {
  const options = (name: string, changes: Partial<MiniOptions> = {}): MiniOptions => ({
    ...{ tokenizerJson, paths: NO_PATHS, folder: join(folder, name), nThread: 1 },
    ...{ minutes: null, signal: new AbortController().signal },
    ...{ onSources: () => undefined, onStep: () => undefined },
    ...changes,
  });
  const bits = (run: Parameters<Parameters<typeof runMini>[2]>[0]) =>
    Promise.resolve(
      run.training.program.plan.graph.weights.map((weight) => run.training.read(weight).slice()),
    );

  test('that is cut off and gone on with gives the same weights as one that is not', async () => {
    const whole = await runMini(config, options('whole'), bits);
    const controller = new AbortController();
    const cut = { signal: controller.signal, onStep: () => controller.abort() };
    await runMini(config, options('cut', cut), () => Promise.resolve());
    let steps: number[] = [];
    const rest = await runMini(config, options('cut', { nThread: 2 }), (run) => {
      steps = run.history.map(({ step }) => step);
      return bits(run);
    });
    expect(rest).toEqual(whole);
    // The report shows what was before the cut, too.
    expect(steps).toEqual([1, 2, 3, 4]);
  });

  test('goes on with another mixture, and a pace of its own, also after a cut', async () => {
    const rates: number[] = [];
    const then = { steps: 3, rate: 0.01, warmupSteps: 2, sources: { scenes: { described: 1 } } };
    const more = { ...config, then };
    const whole = await runMini(
      more,
      options('then', { onStep: ({ rate }) => rates.push(rate) }),
      bits,
    );
    expect(rates).toHaveLength(7);
    expect(rates.slice(4, 6)).toEqual([0.005, 0.01]);
    const controller = new AbortController();
    const onStep = ({ step }: { step: number }) => step === 5 && controller.abort();
    await runMini(more, options('then-cut', { signal: controller.signal, onStep }), bits);
    expect(await runMini(more, options('then-cut'), bits)).toEqual(whole);
    const [, second] = stagesOf(more);
    expect(second).toMatchObject({ firstStep: 4, config: { training: { steps: 3, rate: 0.01 } } });
    expect(second!.config.sources.scenes).toEqual({ ...config.sources.scenes, described: 1 });
  });

  test('names what is missing, and writes a model, a card and a report', async () => {
    const missing: string[] = [];
    const result = await runMini(
      config,
      options('finished', {
        onSources: (opened) => missing.push(...opened.missing.map(({ name }) => name)),
      }),
      (run) => finishMini(run, join(folder, 'finished')),
    );
    expect(missing).toEqual(['text', 'easy-vqa', 'digits', 'commands']);
    expect(result.steps).toBe(4);
    const kinds = result.scores.map(({ kind }) => kind);
    expect(kinds).toEqual(expect.arrayContaining(['caption', 'colour', 'existence', 'dialogue']));
    expect(result.served.map(({ kind }) => kind).sort()).toEqual(kinds.toSorted());
    const report = await readFile(result.reportFile, 'utf8');
    expect(report).toContain('data:image/png;base64,');
    expect(report).toContain('left out: ');
    const card = await readFile(join(result.modelFolder, 'README.md'), 'utf8');
    expect(card).toMatch(/^---\nlicense: apache-2\.0\n---/);
    expect(card).toContain('What it cannot do');
    // Scenes and templates have no people, and no table of them.
    expect(card).not.toContain('Who is in it');
  });

  test('refuses a checkpoint of another configuration, and takes more steps', async () => {
    const more = { ...config, training: { ...config.training, steps: 5 } };
    const result = await runMini(more, options('whole'), ({ training }) =>
      Promise.resolve(training.nStep),
    );
    expect(result).toBe(5);
    const other = { ...config, seed: 2 };
    await expect(runMini(other, options('whole'), bits)).rejects.toThrow(
      /checkpoint of another configuration/,
    );
  });
});

test('a configuration that is wrong is refused by its field', async () => {
  const path = join(folder, 'wrong.json');
  await writeFile(path, JSON.stringify({ ...config, tokens: -1 }));
  await expect(readMiniConfig(path)).rejects.toThrow(/wrong\.json: tokens: /);
});
