/** Trained prefixes and teachers: losses, slopes and steps, against another project's automatic differentiation. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LLAMA } from '../../engine/archs/decoders/llama.ts';
import { archTensors } from '../../engine/archs/index.ts';
import { turnedOrder } from '../../engine/adapters/targets.ts';
import type { ModelConfig } from '../../engine/manifest/manifest.ts';
import type { Tensor } from '../../engine/train/tensor.ts';
import type { AdapterTraining, Pass } from '../../scripts/finetune/adapter-training.ts';
import { SeededRandom } from '../../scripts/lib/seeded-random.ts';
import {
  importSmall,
  plainWeights,
  smallPass,
  smallShares,
  startSmall,
} from '../support/adapter-training.ts';
import { decoderLoss } from '../support/decoder-reference.ts';
import { jaxDecoder, type PlainMatrix } from '../support/jax-decoder.ts';

/** No whole number of pages, tiles or vectors. */
const N_PREFIX = 37;
const N_SHARE = 5;
const N_CONTEXT = 40;

let root = '';
beforeAll(async () => {
  root = await mkdtemp(join(tmpdir(), 'thimble-prefix-'));
});
afterAll(() => rm(root, { recursive: true, force: true }));

function fill(training: AdapterTraining, seed: number): void {
  const random = new SeededRandom(seed);
  for (const weight of training.program.plan.graph.weights) {
    const values = training.read(weight);
    const width = weight.name.includes('prefix') ? 2 : 0.4;
    for (let i = 0; i < values.length; i++) values[i] = (random.next() - 0.5) * width;
  }
}

/** Columns of keys from the order of halves to the stored one of neighbours. */
function asStored({ name, nRow, nCol }: Tensor, values: ArrayLike<number>, c: ModelConfig) {
  const out = Float64Array.from(values);
  const order = name.endsWith('.keys') ? turnedOrder(nCol, c.headDim, 'half', c.ropePairing) : null;
  if (order !== null)
    for (let at = 0; at < out.length; at++) out[at] = values[at - (at % nCol) + order[at % nCol]!]!;
  return { nRow, nCol, values: out } satisfies PlainMatrix;
}

/** Sequences of the same length, which the plain decoder takes, learned whole. */
function evenPass(nVocab: number, seed: number): Pass {
  const nRow = 2 * N_CONTEXT;
  const random = new SeededRandom(seed);
  const ids = (): Uint32Array =>
    Uint32Array.from({ length: nRow }, () => random.integer(0, nVocab - 1));
  return {
    ...{ tokens: ids(), targets: ids(), starts: Uint32Array.of(0, N_CONTEXT, nRow) },
    ...{ active: new Float32Array(nRow), picks: Uint32Array.from({ length: nRow }, (_, i) => i) },
    weights: new Float32Array(nRow).fill(1),
  };
}

/** Weights under Hugging Face's names, rows of queries and keys in halves. */
function inHalves(
  stored: ReadonlyMap<string, PlainMatrix>,
  c: ModelConfig,
): ReadonlyMap<string, PlainMatrix> {
  const places = archTensors(LLAMA, c).map(({ name, places: { hf } }) => [name, hf!.name] as const);
  return new Map(
    places.flatMap(([name, hf]) => {
      const matrix = stored.get(name);
      if (matrix === undefined) return [];
      const { nRow, nCol, values } = matrix;
      const order = /[qk]Proj$/.test(name)
        ? turnedOrder(nRow, c.headDim, 'half', c.ropePairing)
        : null;
      const out = values.slice();
      for (const [row, to] of order?.entries() ?? [])
        out.set(values.subarray(row * nCol, (row + 1) * nCol), to * nCol);
      return [[hf, { nRow, nCol, values: out }] as const];
    }),
  );
}

const norm = (values: ArrayLike<number>): number =>
  Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0));

test.each([
  ['next tokens', 0],
  ['a teacher', N_SHARE],
])(
  'losses and slopes of a prefix by %s are those of automatic differentiation',
  async (_, nShare) => {
    const { source } = await importSmall(root, 'q8');
    const { config: c } = source.manifest;
    expect(c.ropePairing).toBe('adjacent');
    const training = await startSmall(source, { nPrefix: N_PREFIX, targets: [], nShare });
    try {
      fill(training, 3);
      const { weights } = training.program.plan.graph;
      expect(weights.map(({ name, nRow }) => [name, nRow])).toEqual(
        [0, 1].flatMap((i) =>
          ['keys', 'values'].map((side) => [`layers.${i}.prefix.${side}`, N_PREFIX]),
        ),
      );
      const pass = smallPass(c.nVocab, 1);
      const shares = nShare === 0 ? null : smallShares(pass, c.nVocab, nShare, 2);
      const taught = { ...pass, shares };
      const plain = new Map(weights.map((one) => [one.name, asStored(one, training.read(one), c)]));
      const gates = new Float32Array(pass.active.length);
      const expected = await jaxDecoder(c, await plainWeights(source), plain, taught, gates);
      training.clear();
      const loss = training.learn(taught).reduce((sum, one) => sum + one, 0);
      expect(Math.abs(loss - expected.loss) / expected.loss).toBeLessThan(1e-5);
      for (const weight of weights) {
        const got = asStored(weight, training.slopes(weight), c).values;
        const wanted = expected.slopes.get(weight.name)!;
        // The first position stays as it is.
        expect(norm(got.subarray(0, weight.nCol))).toBe(0);
        expect(norm(wanted.subarray(0, weight.nCol))).toBeGreaterThan(0);
        const rest = wanted.subarray(weight.nCol);
        const gap = norm(rest.map((slope, i) => slope - got[weight.nCol + i]!));
        expect(gap / norm(rest), weight.name).toBeLessThan(1e-4);
      }
    } finally {
      await training.close();
    }
  },
);

test('slopes of an adapter by a teacher are those of automatic differentiation', async () => {
  const { source } = await importSmall(root, 'q8', { ropePairing: 'adjacent' });
  const { config: c } = source.manifest;
  const training = await startSmall(source, { targets: ['v', 'gate'], nShare: N_SHARE });
  try {
    fill(training, 5);
    const { weights } = training.program.plan.graph;
    const pass = smallPass(c.nVocab, 4);
    const taught = { ...pass, shares: smallShares(pass, c.nVocab, N_SHARE, 6) };
    const plainName = (name: string): string =>
      name.replace(
        /^model\.layers\.(\d+)\..*?(\w+)_proj\.lora_([AB])\.weight$/,
        (_all, layer: string, target: string, side: string) =>
          `layers.${layer}.${target}Proj.${side.toLowerCase()}`,
      );
    const learned = new Map(
      weights.map((one) => [plainName(one.name), asStored(one, training.read(one), c)]),
    );
    const gates = pass.active.map((isActive) => 2 * isActive);
    const expected = await jaxDecoder(c, await plainWeights(source), learned, taught, gates);
    training.clear();
    const loss = training.learn(taught).reduce((sum, one) => sum + one, 0);
    expect(Math.abs(loss - expected.loss) / expected.loss).toBeLessThan(1e-5);
    for (const weight of weights) {
      const wanted = expected.slopes.get(plainName(weight.name))!;
      const got = training.slopes(weight);
      const gap = norm(wanted.map((slope, i) => slope - got[i]!));
      expect(gap / norm(wanted), weight.name).toBeLessThan(1e-4);
    }
  } finally {
    await training.close();
  }
});

test('slopes of a prefix are its differences', async () => {
  // Floats with a tied head, as the plain decoder has them.
  const { source } = await importSmall(root, 'lossless', { tiedHead: true });
  const { config: c } = source.manifest;
  const base = inHalves(await plainWeights(source), c);
  const training = await startSmall(source, { nPrefix: N_PREFIX, targets: [] });
  try {
    fill(training, 7);
    const pass = evenPass(c.nVocab, 8);
    training.clear();
    training.learn(pass);
    const { weights } = training.program.plan.graph;
    const plain = new Map(
      weights.map((one) => {
        const { nRow, nCol } = one;
        return [one.name, { nRow, nCol, values: Float64Array.from(training.read(one)) }];
      }),
    );
    const shape = {
      ...{ nLayer: c.nLayer, dim: c.nEmbd, nHead: c.nHead, nKvHead: c.nKvHead, ffnDim: c.nFf },
      ...{ nVocab: c.nVocab, nContext: N_CONTEXT, ropeBase: c.ropeTheta, normEps: c.normEps },
    };
    const loss = (): number =>
      decoderLoss(base, shape, pass, (i) => ({
        keys: plain.get(`layers.${i}.prefix.keys`)!,
        values: plain.get(`layers.${i}.prefix.values`)!,
      }));
    const random = new SeededRandom(9);
    for (const weight of weights) {
      const { values } = plain.get(weight.name)!;
      const kept = values.slice();
      const slopes = Float64Array.from(training.slopes(weight));
      // Along the slopes themselves, and a little beside them.
      const length = norm(slopes);
      const direction = slopes.map((slope, i) =>
        i < weight.nCol ? 0 : slope / length + (random.next() - 0.5) / Math.sqrt(slopes.length),
      );
      const lossAt = (step: number): number => {
        for (let i = 0; i < values.length; i++) values[i] = kept[i]! + step * direction[i]!;
        return loss();
      };
      const step = 1e-4;
      const difference = (lossAt(step) - lossAt(-step)) / (2 * step);
      values.set(kept);
      const along = slopes.reduce((sum, slope, i) => sum + slope * direction[i]!, 0);
      expect(Math.abs(along - difference) / Math.abs(difference), weight.name).toBeLessThan(1e-4);
    }
  } finally {
    await training.close();
  }
});

describe('steps', () => {
  test('any number of threads gives the same prefix, to the bit', async () => {
    const { source } = await importSmall(root, 'q6');
    const { nVocab } = source.manifest.config;
    const bits = [];
    for (const nThread of [1, 2, 3]) {
      const training = await startSmall(source, { nPrefix: N_PREFIX, targets: [], nThread });
      training.beginPrefix(smallPass(nVocab, 1).tokens.slice(0, N_PREFIX));
      for (const seed of [1, 2, 3]) {
        training.clear();
        training.learn(smallPass(nVocab, seed));
        training.step(1e-2, 100);
      }
      const { weights } = training.program.plan.graph;
      bits.push(weights.map((one) => new Uint32Array(training.read(one).slice().buffer)));
      await training.close();
    }
    expect(bits[1]).toEqual(bits[0]);
    expect(bits[2]).toEqual(bits[0]);
  });

  test('a prefix begins as the cache of its tokens: what follows has the losses of the whole text', async () => {
    const { source } = await importSmall(root, 'q8');
    const { nVocab } = source.manifest.config;
    const text = smallPass(nVocab, 5).tokens.slice(0, 90);
    const passOf = (tokens: Uint32Array, first: number) => {
      const picks = Uint32Array.from({ length: text.length - 1 - first }, (_, i) => first + i);
      const offset = text.length - tokens.length;
      return {
        ...{ tokens: tokens.slice(0, -1), starts: Uint32Array.of(0, tokens.length - 1) },
        ...{ active: new Float32Array(tokens.length - 1), picks: picks.map((row) => row - offset) },
        targets: picks.map((row) => text[row + 1]!),
        weights: new Float32Array(picks.length).fill(1),
      };
    };
    const training = await startSmall(source, { nPrefix: N_PREFIX, targets: [] });
    try {
      training.beginPrefix(text.slice(0, N_PREFIX));
      const after = training.evaluate(passOf(text.slice(N_PREFIX), N_PREFIX));
      const whole = training.evaluate(passOf(text, N_PREFIX), false);
      expect(after).toHaveLength(whole.length);
      for (const [i, loss] of after.entries()) expect(loss).toBeCloseTo(whole[i]!, 3);
      const alone = training.evaluate(passOf(text.slice(N_PREFIX), N_PREFIX), false);
      expect(alone.some((loss, i) => Math.abs(loss - whole[i]!) > 0.05)).toBe(true);
    } finally {
      await training.close();
    }
  });

  test('a prefix learns what a teacher says', async () => {
    const { source } = await importSmall(root, 'q8');
    const { nVocab } = source.manifest.config;
    const training = await startSmall(source, { nPrefix: 16, targets: [], nShare: N_SHARE });
    try {
      const pass = smallPass(nVocab, 6);
      training.beginPrefix(pass.tokens.slice(0, 16));
      const taught = {
        ...{ ...pass, weights: pass.weights.map(() => 1) },
        shares: smallShares(pass, nVocab, N_SHARE, 3),
      };
      const sum = (losses: Float32Array): number => losses.reduce((a, b) => a + b, 0);
      const first = sum(training.evaluate(taught));
      const before = training.program.plan.cache[0]!.prefix!.keys;
      const kept = training.read(before).slice(0, before.nCol);
      for (let i = 0; i < 60; i++) {
        training.clear();
        training.learn(taught);
        training.step(5e-2, pass.picks.length);
      }
      expect(sum(training.evaluate(taught))).toBeLessThan(first * 0.95);
      expect(training.read(before).slice(0, before.nCol)).toEqual(kept);
    } finally {
      await training.close();
    }
  });
});

test('of one projection alone every layer learns', async () => {
  const { source } = await importSmall(root, 'q8');
  for (const target of ['q', 'k', 'up'] as const) {
    const training = await startSmall(source, { targets: [target] });
    fill(training, 11);
    training.clear();
    training.learn(smallPass(source.manifest.config.nVocab, 9));
    for (const weight of training.program.plan.graph.weights)
      expect([target, weight.name, norm(training.slopes(weight)) > 0]).toEqual([
        ...[target, weight.name, true],
      ]);
    await training.close();
  }
});
