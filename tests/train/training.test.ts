/** A training's slopes, steps and threads, on a small decoder of odd sizes. */
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LLAMA } from '../../engine/archs/decoders/llama.ts';
import { archTensors } from '../../engine/archs/index.ts';
import type { ModelConfig } from '../../engine/manifest/manifest.ts';
import { adamwReference, type Matrix } from '../../engine/kernels/reference/training.ts';
import type { DecoderShape } from '../../engine/train/decoder.ts';
import { nValue, type Tensor } from '../../engine/train/tensor.ts';
import { type Batch, Training } from '../../scripts/train/training.ts';
import { SeededRandom } from '../../scripts/lib/seeded-random.ts';
import { jaxDecoder } from '../support/jax-decoder.ts';
import { decoderLoss } from '../support/decoder-reference.ts';

const SHAPE: DecoderShape = {
  ...{ nLayer: 2, dim: 48, nHead: 6, nKvHead: 2, ffnDim: 68, nVocab: 91 },
  ...{ nContext: 21, ropeBase: 10_000, normEps: 1e-5 },
};
const N_SEQUENCE = 3;
const OPTIMIZER = { beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1, maxNorm: 1 };
const config = (nThread: number, maxNorm = OPTIMIZER.maxNorm) => ({
  ...{ shape: SHAPE, nSequence: N_SEQUENCE, nThread },
  optimizer: { ...OPTIMIZER, maxNorm },
});

/** Tokens, of which every seventh is not learned from, and some count more. */
function batchOf(seed: number): Batch {
  const random = new SeededRandom(seed);
  const n = N_SEQUENCE * SHAPE.nContext;
  const id = (): number => random.integer(0, SHAPE.nVocab - 1);
  return {
    tokens: Uint32Array.from({ length: n }, id),
    targets: Uint32Array.from({ length: n }, id),
    weights: Float32Array.from({ length: n }, (_, i) => (i % 7 === 3 ? 0 : 1 + (i % 3))),
  };
}

describe('slopes', () => {
  let training: Training;
  let weights: readonly Tensor[];
  const reference = new Map<string, Matrix>();
  const batch = batchOf(1);
  beforeAll(async () => {
    training = await Training.start(config(2), 7);
    ({ weights } = training.program.plan.graph);
    // Norms that differ from 1, and matrices wide enough for every slope to count.
    const random = new SeededRandom(3);
    for (const weight of weights) {
      const values = training.read(weight);
      for (let i = 0; i < values.length; i++)
        values[i] = weight.nRow === 1 ? 0.5 + random.next() : (random.next() - 0.5) * 0.6;
      const { nRow, nCol, name } = weight;
      reference.set(name, { nRow, nCol, values: Float64Array.from(values) });
    }
    training.accumulate([batch]);
  });
  afterAll(() => training.close());

  test('the loss is that of the reference', () => {
    const weight = batch.weights.reduce((a, b) => a + b, 0);
    const loss = decoderLoss(reference, SHAPE, batch) / weight;
    expect(Math.abs(training.evaluate([batch]) - loss) / loss).toBeLessThan(1e-5);
  });

  test('those of every weight are its differences, alone and together', () => {
    training.accumulate([batch]);
    const random = new SeededRandom(5);
    for (const weight of weights) {
      const slopes = training.slopes(weight);
      const { values } = reference.get(weight.name)!;
      const along = (direction: Float64Array): number => {
        const kept = values.slice();
        const step = 1e-4;
        const at = (sign: number): number => {
          for (let i = 0; i < values.length; i++)
            values[i] = kept[i]! + sign * step * direction[i]!;
          return decoderLoss(reference, SHAPE, batch);
        };
        const difference = (at(1) - at(-1)) / (2 * step);
        values.set(kept);
        return difference;
      };
      const length = Math.sqrt(slopes.reduce((sum, slope) => sum + slope * slope, 0));
      const random3 = [0, 1, 2].map(() =>
        Float64Array.from({ length: nValue(weight) }, () => random.next() - 0.5),
      );
      for (const direction of random3) {
        const norm = Math.sqrt(direction.reduce((sum, value) => sum + value * value, 0));
        const expected = along(direction);
        const found = slopes.reduce((sum, slope, i) => sum + slope * direction[i]!, 0);
        expect(Math.abs(found - expected) / (length * norm), weight.name).toBeLessThan(1e-4);
      }
      const one = new Float64Array(nValue(weight));
      const at = random.integer(0, one.length - 1);
      one[at] = 1;
      expect(Math.abs(slopes[at]! - along(one)) / length, weight.name).toBeLessThan(1e-4);
    }
  });

  test('those of every weight are those of automatic differentiation', async () => {
    const { nLayer, dim, nHead, nKvHead, ffnDim, nContext } = SHAPE;
    const config: ModelConfig = {
      ...{ nLayer, nEmbd: dim, nHead, nKvHead, headDim: dim / nHead, nFf: ffnDim },
      ...{ nVocab: SHAPE.nVocab, nCtx: nContext, normEps: SHAPE.normEps },
      ...{ ropeTheta: SHAPE.ropeBase, ropePairing: 'half', ropeDim: dim / nHead },
      ...{ ropeScaling: { kind: 'none' }, tiedHead: true },
    };
    const instances = archTensors(LLAMA, config);
    const engineName = (name: string): string =>
      instances.find(({ places }) => places.hf?.name === name)!.name;
    const learned = new Map(
      [...reference].map(([name, matrix]) => [engineName(name), matrix] as const),
    );
    const all = Uint32Array.from(batch.tokens, (_, row) => row);
    const pass = {
      ...{ tokens: batch.tokens, targets: batch.targets, weights: batch.weights, picks: all },
      starts: Uint32Array.from({ length: N_SEQUENCE + 1 }, (_, i) => i * nContext),
      active: new Float32Array(all.length),
    };
    const expected = await jaxDecoder(config, learned, learned, pass, pass.active);
    training.accumulate([batch]);
    for (const weight of weights) {
      const wanted = expected.slopes.get(engineName(weight.name))!;
      const found = training.slopes(weight);
      const length = Math.sqrt(wanted.reduce((sum, slope) => sum + slope * slope, 0));
      const gap = Math.sqrt(wanted.reduce((sum, slope, i) => sum + (slope - found[i]!) ** 2, 0));
      expect(gap / length, weight.name).toBeLessThan(1e-4);
    }
  });

  test('those of two batches are their sum', () => {
    const other = batchOf(2);
    const [weight] = weights;
    training.accumulate([batch]);
    const first = training.slopes(weight!).slice();
    training.accumulate([other]);
    const second = training.slopes(weight!).slice();
    training.accumulate([batch, other]);
    const length = Math.sqrt(first.reduce((sum, slope) => sum + slope * slope, 0));
    for (const [i, slope] of training.slopes(weight!).entries())
      expect(Math.abs(slope - first[i]! - second[i]!) / length).toBeLessThan(1e-5);
  });
});

test('an update is that of the reference, with slopes clipped and not', async () => {
  for (const maxNorm of [1e-3, Infinity]) {
    const training = await Training.start(config(2, maxNorm), 11);
    try {
      const { weights } = training.program.plan.graph;
      const known = weights.map((weight) => ({
        w: Float64Array.from(training.read(weight)),
        mean: new Float64Array(nValue(weight)),
        square: new Float64Array(nValue(weight)),
      }));
      for (const step of [1, 2, 3]) {
        const batch = batchOf(step);
        const { weight: sum } = training.accumulate([batch]);
        const slopes = weights.map((weight) =>
          Float64Array.from(training.slopes(weight), (slope) => slope / sum),
        );
        const norm = Math.sqrt(
          slopes.flatMap((one) => [...one]).reduce((total, slope) => total + slope * slope, 0),
        );
        const result = training.step([batch], 1e-3);
        expect(Math.abs(result.norm - norm) / norm).toBeLessThan(1e-5);
        const clip = Math.min(1, maxNorm / norm);
        for (const [i, { w, mean, square }] of known.entries()) {
          const decay = weights[i]!.nRow > 1 ? OPTIMIZER.weightDecay : 0;
          const options = { rate: 1e-3, beta1: 0.9, beta2: 0.95, eps: 1e-8, decay };
          const clipped = slopes[i]!.map((slope) => slope * clip);
          adamwReference(w, clipped, { mean, square }, step, options);
          const found = training.read(weights[i]!);
          const worst = w.reduce(
            (most, value, j) => Math.max(most, Math.abs(value - found[j]!)),
            0,
          );
          // A thousandth of the rate.
          expect(worst, weights[i]!.name).toBeLessThan(5e-6);
        }
      }
    } finally {
      await training.close();
    }
  }
});

test('any number of threads gives the same weights, to the bit', async () => {
  const bits: Uint32Array[][] = [];
  for (const nThread of [1, 2, 3]) {
    const training = await Training.start(config(nThread), 13);
    try {
      for (const seed of [1, 2, 3]) training.step([batchOf(seed), batchOf(seed + 10)], 1e-2);
      const { weights } = training.program.plan.graph;
      bits.push(weights.map((weight) => new Uint32Array(training.read(weight).slice().buffer)));
    } finally {
      await training.close();
    }
  }
  expect(bits[1]).toEqual(bits[0]);
  expect(bits[2]).toEqual(bits[0]);
});

test('what is learned by heart is known', async () => {
  const training = await Training.start(config(2), 17);
  try {
    const batch = batchOf(4);
    const first = training.evaluate([batch]);
    expect(first).toBeCloseTo(Math.log(SHAPE.nVocab), 0);
    for (let i = 0; i < 150; i++) training.step([batch], 1e-2);
    expect(training.evaluate([batch])).toBeLessThan(0.2);
  } finally {
    await training.close();
  }
});

test('a loss that is no number ends the training, and the weights stay', async () => {
  const training = await Training.start(config(1), 19);
  try {
    const [table] = training.program.plan.graph.weights;
    training.read(table!)[0] = NaN;
    const before = training.read(training.program.plan.graph.weights[1]!).slice();
    const batch = batchOf(1);
    batch.tokens.fill(0);
    expect(() => training.step([batch], 1e-2)).toThrow(/loss of step 1 is NaN/);
    expect(training.read(training.program.plan.graph.weights[1]!)).toEqual(before);
    const none = { ...batchOf(1), weights: new Float32Array(batch.weights.length) };
    expect(() => training.step([none], 1e-2)).toThrow(/of no token/);
  } finally {
    await training.close();
  }
});
