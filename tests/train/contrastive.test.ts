/** Vectors of pairs: slopes of the operation and of whole decoders, one and two; threads; what is learned. */
import { expect, test } from 'vitest';
import { type Matrix } from '../../engine/kernels/reference/training.ts';
import type { PairShape } from '../../engine/train/pairs.ts';
import { PairTraining } from '../../scripts/train/pair-training.ts';
import { batchOf, type TokenPair } from '../../scripts/train/pair-data.ts';
import { SeededRandom } from '../../scripts/lib/seeded-random.ts';
import { jaxContrastive, pairsLoss } from '../support/pairs.ts';

const SHAPE: Omit<PairShape, 'nTower'> = {
  ...{ nLayer: 2, dim: 48, nHead: 6, nKvHead: 2, ffnDim: 68, nVocab: 91 },
  ...{ nContext: 21, ropeBase: 10_000, normEps: 1e-5, temperature: 0.2 },
};
const N_PAIR = 7;
const OPTIMIZER = { beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1, maxNorm: 1 };

function start(nTower: 1 | 2, nThread = 2, nPair = N_PAIR): Promise<PairTraining> {
  const pairs = { ...SHAPE, nTower };
  return PairTraining.start({ pairs, nPair, nThread, optimizer: OPTIMIZER }, 7);
}

/** Texts of different lengths; b's have another token for each of a's, always the same one, and may end before. */
function pairs(seed: number, n = N_PAIR): TokenPair[] {
  const random = new SeededRandom(seed);
  return Array.from({ length: n }, () => {
    const length = random.integer(2, SHAPE.nContext);
    const a = Uint32Array.from({ length }, () => random.integer(0, SHAPE.nVocab - 1));
    const b = a.map((id) => (id + 45) % SHAPE.nVocab);
    return [a, b.slice(0, random.integer(Math.ceil(length / 2), length))] as const;
  });
}

/** Norms that differ from 1, and matrices wide enough for every slope to count. */
function fill(training: PairTraining): ReadonlyMap<string, Matrix> {
  const random = new SeededRandom(3);
  return new Map(
    training.program.plan.graph.weights.map((weight) => {
      const values = training.read(weight);
      for (let i = 0; i < values.length; i++)
        values[i] = weight.nRow === 1 ? 0.5 + random.next() : (random.next() - 0.5) * 0.6;
      const { nRow, nCol, name } = weight;
      return [name, { nRow, nCol, values: Float64Array.from(values) }] as const;
    }),
  );
}

const norm = (values: ArrayLike<number>): number =>
  Math.sqrt(Array.from(values).reduce((sum, value) => sum + value * value, 0));

test.each([1, 2] as const)(
  '%i decoders: the loss is that of the reference, and slopes of every weight are its differences',
  async (nTower) => {
    const training = await start(nTower);
    try {
      const reference = fill(training);
      const shape = { ...SHAPE, nTower };
      const { weights } = training.program.plan.graph;
      expect(weights).toHaveLength(nTower * (2 + 2 * 9));
      const batch = batchOf(pairs(1), SHAPE.nContext);
      const expected = pairsLoss(reference, shape, batch);
      expect(Math.abs(training.accumulate(batch) - expected) / expected).toBeLessThan(1e-5);
      expect(Math.abs(training.evaluate([batch]).loss - expected / N_PAIR)).toBeLessThan(1e-5);
      const random = new SeededRandom(5);
      for (const weight of weights) {
        const slopes = training.slopes(weight);
        const length = norm(slopes);
        expect(length, weight.name).toBeGreaterThan(0);
        const { values } = reference.get(weight.name)!;
        const kept = values.slice();
        const direction = Float64Array.from(
          slopes,
          (slope) => slope / length + (random.next() - 0.5) / Math.sqrt(slopes.length),
        );
        const at = (step: number): number => {
          for (let i = 0; i < values.length; i++) values[i] = kept[i]! + step * direction[i]!;
          return pairsLoss(reference, shape, batch);
        };
        const step = 1e-4;
        const difference = (at(step) - at(-step)) / (2 * step);
        values.set(kept);
        const along = slopes.reduce((sum, slope, i) => sum + slope * direction[i]!, 0);
        expect(Math.abs(along - difference) / Math.abs(difference), weight.name).toBeLessThan(1e-4);
      }
    } finally {
      await training.close();
    }
  },
);

test('the slopes of vectors are those of automatic differentiation', async () => {
  const training = await start(2);
  try {
    fill(training);
    training.accumulate(batchOf(pairs(2), SHAPE.nContext));
    const [a, b] = training.vectors.map((values) => ({
      ...{ nRow: N_PAIR, nCol: SHAPE.dim, values: Float64Array.from(values) },
    })) as [Matrix, Matrix];
    const { loss, slopes } = await jaxContrastive(a, b, SHAPE.temperature);
    const found = training.accumulate(batchOf(pairs(2), SHAPE.nContext));
    expect(Math.abs(found - loss) / loss).toBeLessThan(1e-5);
    const { vectorSlopes } = training;
    for (const [i, wanted] of slopes.entries()) {
      const got = vectorSlopes[i]!;
      expect(norm(wanted)).toBeGreaterThan(0);
      expect(norm(wanted.map((slope, k) => slope - got[k]!)) / norm(wanted)).toBeLessThan(1e-4);
    }
  } finally {
    await training.close();
  }
});

test('any number of threads gives the same weights, to the bit', async () => {
  const bits = [];
  for (const nThread of [1, 2, 3]) {
    const training = await start(1, nThread);
    for (const seed of [1, 2, 3]) training.step(batchOf(pairs(seed), SHAPE.nContext), 1e-2);
    const { weights } = training.program.plan.graph;
    bits.push(weights.map((one) => new Uint32Array(training.read(one).slice().buffer)));
    await training.close();
  }
  expect(bits[1]).toEqual(bits[0]);
  expect(bits[2]).toEqual(bits[0]);
});

test('texts of other pairs find their own one once that is learned', async () => {
  const training = await start(1, 2, 16);
  try {
    const held = [batchOf(pairs(1000, 16), SHAPE.nContext)];
    const before = training.evaluate(held);
    for (let step = 0; step < 100; step++)
      training.step(batchOf(pairs(step, 16), SHAPE.nContext), 2e-3);
    const after = training.evaluate(held);
    expect(before.right).toBeLessThan(0.3);
    expect(after.loss).toBeLessThan(before.loss / 2);
    expect(after.right).toBeGreaterThan(0.8);
  } finally {
    await training.close();
  }
});
