/** Eyes that are learned with an adapter: losses, slopes and steps, against another project's automatic differentiation. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DecoderManifest } from '../../engine/manifest/manifest.ts';
import type { ModelSource } from '../../engine/model/memory/source.ts';
import { EYES, type EyesShape } from '../../engine/train/eyes.ts';
import type { AdapterTraining, Pass } from '../../scripts/finetune/adapter-training.ts';
import { packPasses } from '../../scripts/finetune/pack.ts';
import { sharedTokens } from '../../scripts/finetune/pictures/dataset.ts';
import { SeededRandom } from '../../scripts/lib/seeded-random.ts';
import { importSmall, plainWeights, smallPass, startSmall } from '../support/adapter-training.ts';
import { jaxDecoder } from '../support/jax-decoder.ts';

/** No whole number of tiles. */
const SHAPE: EyesShape = { nIn: 28, nHidden: 20, nPosition: 4 };
/** First rows of pictures in the sequences of `smallPass`: two in the first, one in the second. */
const PICTURES = [3, 40, 97 + 5];

let root = '';
let source: ModelSource<DecoderManifest>;
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'thimble-eyes-'));
  ({ source } = await importSmall(root, 'q8'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

function passWithPictures(seed: number, at: readonly number[] = PICTURES): Pass {
  const random = new SeededRandom(seed);
  const { nIn, nPosition } = SHAPE;
  const places = at.flatMap(() => Array.from({ length: nPosition }, (_, i) => i));
  const values = Float32Array.from({ length: places.length * nIn }, () => random.next() * 2 - 1);
  const rows = at.flatMap((first) => Array.from({ length: nPosition }, (_, i) => first + i));
  const pictures = { values, rows: Uint32Array.from(rows), places: Uint32Array.from(places) };
  return { ...smallPass(source.manifest.config.nVocab, seed), pictures };
}

function fill(training: AdapterTraining, seed: number): void {
  const random = new SeededRandom(seed);
  for (const weight of training.program.plan.graph.weights) {
    const values = training.read(weight);
    for (let i = 0; i < values.length; i++) values[i] = (random.next() - 0.5) * 0.8;
  }
}

const sum = (values: Float32Array): number => values.reduce((a, b) => a + b, 0);
const norm = (values: ArrayLike<number>): number =>
  Math.sqrt(Array.from(values).reduce((total, value) => total + value * value, 0));

test('losses and slopes of eyes and their adapter are those of automatic differentiation', async () => {
  const { config: c } = source.manifest;
  const training = await startSmall(source, { targets: ['v', 'up'], eyes: SHAPE });
  try {
    fill(training, 3);
    const { weights } = training.program.plan.graph;
    for (const name of Object.values(EYES))
      expect(weights.filter((weight) => weight.name === name)).toHaveLength(1);
    const plainName = (name: string): string =>
      name.replace(
        /^model\.layers\.(\d+)\..*?(\w+)_proj\.lora_([AB])\.weight$/,
        (_all, layer: string, target: string, side: string) =>
          `layers.${layer}.${target}Proj.${side.toLowerCase()}`,
      );
    const learned = new Map(
      weights.map(({ name, nRow, nCol, ...at }) => {
        const values = Float64Array.from(training.read({ nRow, nCol, ...at }));
        return [plainName(name), { nRow, nCol, values }];
      }),
    );
    const pass = passWithPictures(1);
    const gates = pass.active.map((isActive) => 2 * isActive);
    const expected = await jaxDecoder(c, await plainWeights(source), learned, pass, gates);
    training.clear();
    const loss = sum(training.learn(pass));
    expect(Math.abs(loss - expected.loss) / expected.loss).toBeLessThan(1e-5);
    expect(sum(training.evaluate(pass))).toBe(loss);
    for (const weight of weights) {
      const wanted = expected.slopes.get(plainName(weight.name))!;
      const got = training.slopes(weight);
      expect(norm(wanted), weight.name).toBeGreaterThan(0);
      const gap = norm(wanted.map((slope, i) => slope - got[i]!));
      expect(gap / norm(wanted), weight.name).toBeLessThan(1e-4);
    }
  } finally {
    await training.close();
  }
});

describe('steps', () => {
  test('any number of threads gives the same eyes, to the bit', async () => {
    const bits = [];
    for (const nThread of [1, 2, 3]) {
      const training = await startSmall(source, { eyes: SHAPE, nThread });
      for (const seed of [1, 2, 3]) {
        training.clear();
        training.learn(passWithPictures(seed));
        // One without a picture leaves nothing of the pass before.
        training.learn(passWithPictures(seed + 10, []));
        training.step(1e-2, 100);
      }
      const { weights } = training.program.plan.graph;
      bits.push(weights.map((one) => new Uint32Array(training.read(one).slice().buffer)));
      await training.close();
    }
    expect(bits[1]).toEqual(bits[0]);
    expect(bits[2]).toEqual(bits[0]);
  });

  test('a pass without pictures is that of a training without eyes', async () => {
    const [seeing, blind] = [await startSmall(source, { eyes: SHAPE }), await startSmall(source)];
    try {
      seeing.evaluate(passWithPictures(4));
      const pass = smallPass(source.manifest.config.nVocab, 5);
      expect(seeing.evaluate(pass)).toEqual(blind.evaluate(pass));
    } finally {
      await seeing.close();
      await blind.close();
    }
  });

  test('other pictures are other losses, also with the same adapter', async () => {
    const training = await startSmall(source, { eyes: SHAPE });
    try {
      const pass = passWithPictures(6);
      const { pictures } = passWithPictures(7);
      expect(sum(training.evaluate({ ...pass, pictures: pictures! }))).not.toBe(
        sum(training.evaluate(pass)),
      );
    } finally {
      await training.close();
    }
  });

  test('an opening that is not learned gives the losses of the whole text', async () => {
    const nPrefix = 21;
    const { nVocab } = source.manifest.config;
    const { tokens } = smallPass(nVocab, 8);
    const text = tokens.slice(0, 80);
    const [open, whole] = [
      await startSmall(source, { nPrefix, isPrefixFixed: true }),
      await startSmall(source),
    ];
    try {
      fill(whole, 9);
      expect(open.program.plan.graph.weights).toHaveLength(whole.program.plan.graph.weights.length);
      for (const [i, weight] of open.program.plan.graph.weights.entries())
        open.write(weight, whole.read(whole.program.plan.graph.weights[i]!));
      open.beginPrefix(text.slice(0, nPrefix));
      const passOf = (first: number): Pass => {
        const rows = text.length - 1 - first;
        const learned = Array.from({ length: text.length - 1 - nPrefix }, (_, i) => nPrefix + i);
        return {
          ...{ tokens: text.slice(first, -1), starts: Uint32Array.of(0, rows) },
          // It counts from the end of the opening on.
          active: Float32Array.from({ length: rows }, (_, i) => (first + i >= nPrefix ? 1 : 0)),
          picks: Uint32Array.from(learned, (row) => row - first),
          targets: Uint32Array.from(learned, (row) => text[row + 1]!),
          weights: new Float32Array(learned.length).fill(1),
        };
      };
      const [got, expected] = [open.evaluate(passOf(nPrefix)), whole.evaluate(passOf(0))];
      expect(got).toHaveLength(expected.length);
      for (const [i, loss] of got.entries()) expect(loss).toBeCloseTo(expected[i]!, 4);
      // The base sees it, too.
      const [plain, base] = [
        open.evaluate(passOf(nPrefix), false),
        whole.evaluate(passOf(0), false),
      ];
      for (const [i, loss] of plain.entries()) expect(loss).toBeCloseTo(base[i]!, 4);
      const slopesOf = (training: AdapterTraining, pass: Pass): Float32Array[] => {
        training.clear();
        training.learn(pass);
        return training.program.plan.graph.weights.map((one) => training.slopes(one).slice());
      };
      const [ours, theirs] = [slopesOf(open, passOf(nPrefix)), slopesOf(whole, passOf(0))];
      for (const [i, slopes] of ours.entries())
        expect(norm(slopes.map((x, j) => x - theirs[i]![j]!)) / norm(theirs[i]!)).toBeLessThan(
          1e-3,
        );
    } finally {
      await open.close();
      await whole.close();
    }
  });

  test('texts behind one picture that is there once are as likely, and teach the same, as each with its own', async () => {
    const random = new SeededRandom(11);
    const { nVocab } = source.manifest.config;
    const { nPosition, nIn } = SHAPE;
    const vectors = Float32Array.from({ length: nPosition * nIn }, () => random.next() * 2 - 1);
    const pictures = { nPosition, vectorsOf: () => vectors };
    const nBefore = 30;
    const tokensOf = (n: number): number[] =>
      Array.from({ length: n }, () => random.integer(0, nVocab - 1));
    const before = tokensOf(nBefore);
    // The longest has two blocks of queries.
    const texts = [7, 80, 1].map((nLearned) => ({
      tokens: Uint32Array.from([...before, ...tokensOf(nLearned)]),
      learned: Uint8Array.from({ length: nBefore + nLearned }, (_, i) => (i < nBefore ? 0 : 1)),
      ...{ activeFrom: 2, picture: { index: 0, at: 2 } },
    }));
    const alone = { line: 1, texts: texts.slice(0, 1), prompt: [] };
    const passOf = (nShared: number): Pass => {
      const family = { line: 2, texts, nShared, prompt: [] };
      // Between others, so that no family begins or ends what is in memory.
      const [pass, ...more] = [...packPasses([alone, family, alone], 400, pictures)];
      expect(more).toHaveLength(0);
      return pass!;
    };
    const nShared = sharedTokens(texts);
    expect(nShared).toBe(nBefore - 1);
    const [once, each] = [passOf(nShared), passOf(0)];
    expect(each.tokens.length - once.tokens.length).toBe(2 * nShared);
    expect(each.pictures!.rows.length - once.pictures!.rows.length).toBe(2 * nPosition);
    for (const { nPrefix, nThread } of [
      { nPrefix: 0, nThread: 1 },
      { nPrefix: 9, nThread: 2 },
    ]) {
      const options = { eyes: SHAPE, nRow: 400, nPrefix, isPrefixFixed: true, nThread };
      const training = await startSmall(source, options);
      try {
        fill(training, 12);
        if (nPrefix > 0) training.beginPrefix(Uint32Array.from(tokensOf(nPrefix)));
        const { weights } = training.program.plan.graph;
        const [ours, theirs] = [once, each].map((pass) => {
          training.clear();
          const losses = training.learn(pass);
          return { losses, slopes: weights.map((one) => training.slopes(one).slice()) };
        });
        expect(ours!.losses).toHaveLength(7 + 80 + 1 + 14);
        for (const [i, loss] of ours!.losses.entries())
          expect(loss).toBeCloseTo(theirs!.losses[i]!, 4);
        for (const [i, { name }] of weights.entries()) {
          const [got, wanted] = [ours!.slopes[i]!, theirs!.slopes[i]!];
          expect(norm(got.map((x, j) => x - wanted[j]!)) / norm(wanted), name).toBeLessThan(1e-4);
        }
      } finally {
        await training.close();
      }
    }
  });
});
