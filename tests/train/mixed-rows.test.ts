/** Rows of vectors beside tokens: their slopes, going on after a cut, and threads. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LLAMA } from '../../engine/archs/decoders/llama.ts';
import { archTensors } from '../../engine/archs/index.ts';
import type { Matrix } from '../../engine/kernels/reference/training.ts';
import type { DecoderShape } from '../../engine/train/decoder.ts';
import { nValue, type Tensor } from '../../engine/train/tensor.ts';
import { readCheckpoint, writeCheckpoint } from '../../scripts/train/checkpoint.ts';
import { type Batch, type BatchVectors, Training } from '../../scripts/train/training.ts';
import { SeededRandom } from '../../scripts/lib/seeded-random.ts';
import { decoderLoss } from '../support/decoder-reference.ts';
import { jaxDecoder } from '../support/jax-decoder.ts';

const SHAPE: DecoderShape = {
  ...{ nLayer: 2, dim: 48, nHead: 6, nKvHead: 2, ffnDim: 68, nVocab: 91 },
  ...{ nContext: 21, ropeBase: 10_000, normEps: 1e-5 },
  projectors: [
    { name: 'image', nIn: 12, nPosition: 4 },
    { name: 'audio', nIn: 20, nPosition: 6 },
  ],
};
const N_SEQUENCE = 3;
const OPTIMIZER = { beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.1, maxNorm: 1 };
const config = (nThread: number) => ({
  ...{ shape: SHAPE, nSequence: N_SEQUENCE, nThread, optimizer: OPTIMIZER },
});

/** Sequences of unequal length with a segment of one kind, of both, and of none. */
function batchOf(seed: number): Batch {
  const random = new SeededRandom(seed);
  const n = 50;
  const starts = Uint32Array.of(0, 19, 33, n);
  const id = (): number => random.integer(0, SHAPE.nVocab - 1);
  const vectors = (nIn: number, rows: readonly number[], places: readonly number[]) => ({
    values: Float32Array.from({ length: rows.length * nIn }, () => random.next() * 2 - 1),
    rows: Uint32Array.from(rows),
    places: Uint32Array.from(places),
  });
  return {
    starts,
    tokens: Uint32Array.from({ length: n }, id),
    targets: Uint32Array.from({ length: n }, id),
    weights: Float32Array.from({ length: n }, (_, i) => (i % 5 === 3 ? 0 : 1 + (i % 3))),
    vectors: new Map<string, BatchVectors>([
      ['image', vectors(12, [2, 3, 4, 5, 21, 22], [0, 1, 2, 3, 0, 1])],
      ['audio', vectors(20, [26, 27, 28, 29, 30], [0, 1, 2, 3, 4])],
    ]),
  };
}

const LABELLED: DecoderShape = { ...SHAPE, labelLayer: 1 };

/** Layers after which rows are learned from, and how much each counts there. */
function objectivesOf({ nLayer, labelLayer }: DecoderShape, { weights, vectors }: Batch) {
  if (labelLayer === undefined) return [[nLayer, weights]] as const;
  const taken = new Set([...vectors!.values()].flatMap(({ rows }) => [...rows]));
  return [
    [nLayer, weights.map((weight, row) => (taken.has(row) ? 0 : weight))],
    [labelLayer, weights.map((weight, row) => (taken.has(row) ? weight : 0))],
  ] as const;
}

function perturb(training: Training): Map<string, Matrix> {
  const random = new SeededRandom(3);
  const reference = new Map<string, Matrix>();
  for (const weight of training.program.plan.graph.weights) {
    const values = training.read(weight);
    for (let i = 0; i < values.length; i++)
      values[i] = weight.nRow === 1 ? 0.5 + random.next() : (random.next() - 0.5) * 0.6;
    const { nRow, nCol, name } = weight;
    reference.set(name, { nRow, nCol, values: Float64Array.from(values) });
  }
  return reference;
}

describe.each([
  ['', SHAPE],
  [', which are learned after the first layer', LABELLED],
])('slopes with vectors among the rows%s', (_, shape) => {
  let training: Training;
  let weights: readonly Tensor[];
  let reference: Map<string, Matrix>;
  const batch = batchOf(1);
  beforeAll(async () => {
    training = await Training.start({ ...config(2), shape }, 7);
    ({ weights } = training.program.plan.graph);
    reference = perturb(training);
    training.accumulate([batch]);
  });
  afterAll(() => training.close());

  test('the loss is that of the reference', () => {
    const weight = batch.weights.reduce((a, b) => a + b, 0);
    const loss = decoderLoss(reference, shape, batch) / weight;
    expect(Math.abs(training.evaluate([batch]) - loss) / loss).toBeLessThan(1e-5);
  });

  test('those of projectors and of all others are differences of the reference', () => {
    training.accumulate([batch]);
    const random = new SeededRandom(5);
    expect(weights.filter(({ name }) => name.startsWith('projectors.'))).toHaveLength(4);
    for (const weight of weights) {
      const slopes = training.slopes(weight);
      const { values } = reference.get(weight.name)!;
      const kept = values.slice();
      const direction = Float64Array.from({ length: nValue(weight) }, () => random.next() - 0.5);
      const step = 1e-4;
      const at = (sign: number): number => {
        for (let i = 0; i < values.length; i++) values[i] = kept[i]! + sign * step * direction[i]!;
        return decoderLoss(reference, shape, batch);
      };
      const expected = (at(1) - at(-1)) / (2 * step);
      values.set(kept);
      const found = slopes.reduce((sum, slope, i) => sum + slope * direction[i]!, 0);
      const length = Math.sqrt(slopes.reduce((sum, slope) => sum + slope * slope, 0));
      const norm = Math.sqrt(direction.reduce((sum, value) => sum + value * value, 0));
      expect(length, weight.name).toBeGreaterThan(0);
      expect(Math.abs(found - expected) / (length * norm), weight.name).toBeLessThan(1e-4);
    }
  });

  test('those of every weight are those of automatic differentiation', async () => {
    const { nLayer, dim, nHead, nKvHead, ffnDim, nContext } = SHAPE;
    const model = {
      ...{ nLayer, nEmbd: dim, nHead, nKvHead, headDim: dim / nHead, nFf: ffnDim },
      ...{ nVocab: SHAPE.nVocab, nCtx: nContext, normEps: SHAPE.normEps },
      ...{ ropeTheta: SHAPE.ropeBase, ropePairing: 'half' as const, ropeDim: dim / nHead },
      ...{ ropeScaling: { kind: 'none' as const }, tiedHead: true },
    };
    const instances = archTensors(LLAMA, model);
    const engineName = (name: string): string =>
      instances.find(({ places }) => places.hf?.name === name)?.name ?? name;
    const learned = new Map(
      [...reference].map(([name, matrix]) => [engineName(name), matrix] as const),
    );
    const all = Uint32Array.from(batch.tokens, (_, row) => row);
    const active = new Float32Array(all.length);
    const expected = new Map<string, Float64Array>();
    for (const [nLayer, counts] of objectivesOf(shape, batch)) {
      const pass = { ...batch, weights: counts, starts: batch.starts!, picks: all, active };
      const { slopes } = await jaxDecoder(
        ...([{ ...model, nLayer }, learned, learned, pass, active, batch.vectors] as const),
      );
      for (const [name, values] of slopes)
        expected.set(
          name,
          values.map((value, i) => value + (expected.get(name)?.[i] ?? 0)),
        );
    }
    training.accumulate([batch]);
    for (const weight of weights) {
      const wanted = expected.get(engineName(weight.name))!;
      const found = training.slopes(weight);
      const length = Math.sqrt(wanted.reduce((sum, slope) => sum + slope * slope, 0));
      const gap = Math.sqrt(wanted.reduce((sum, slope, i) => sum + (slope - found[i]!) ** 2, 0));
      expect(gap / length, weight.name).toBeLessThan(1e-4);
    }
  });
});

test('tokens under vectors are not read and learn nothing', async () => {
  const training = await Training.start(config(2), 7);
  try {
    const batch = batchOf(1);
    const loss = training.evaluate([batch]);
    const tokens = batch.tokens.slice();
    for (const { rows } of batch.vectors!.values()) for (const row of rows) tokens[row] = 90;
    expect(training.evaluate([{ ...batch, tokens }])).toBe(loss);
  } finally {
    await training.close();
  }
});

test('any number of threads, and a cut between two steps, give the same weights to the bit', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'thimble-mixed-'));
  const bits = (training: Training): Uint32Array[] =>
    training.program.plan.graph.weights.map(
      (weight) => new Uint32Array(training.read(weight).slice().buffer),
    );
  try {
    const found: Uint32Array[][] = [];
    for (const nThread of [1, 2, 3]) {
      const training = await Training.start(config(nThread), 13);
      try {
        for (const seed of [1, 2, 3]) training.step([batchOf(seed), batchOf(seed + 10)], 1e-2);
        found.push(bits(training));
      } finally {
        await training.close();
      }
    }
    const path = join(folder, 'checkpoint.safetensors');
    const first = await Training.start(config(1), 13);
    try {
      for (const seed of [1, 2]) first.step([batchOf(seed), batchOf(seed + 10)], 1e-2);
      await writeCheckpoint(path, first, 'same');
    } finally {
      await first.close();
    }
    const second = await Training.start(config(2), 99);
    try {
      expect(await readCheckpoint(path, second, 'same')).toBe(true);
      second.step([batchOf(3), batchOf(13)], 1e-2);
      found.push(bits(second));
    } finally {
      await second.close();
    }
    for (const other of found.slice(1)) expect(other).toEqual(found[0]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
});

test('what pictures show is learned by heart', async () => {
  const training = await Training.start(config(2), 17);
  try {
    // The same words about two pictures: only the vectors tell which answer is right.
    const random = new SeededRandom(8);
    const values = Float32Array.from({ length: 8 * 12 }, () => random.next() * 2 - 1);
    const tokens = Uint32Array.of(1, 0, 0, 0, 0, 2, 1, 0, 0, 0, 0, 2);
    const batch: Batch = {
      tokens,
      targets: Uint32Array.from(tokens, (_, i) => (i < 6 ? 7 : 8)),
      weights: Float32Array.from(tokens, (_, i) => (i % 6 === 5 ? 1 : 0)),
      starts: Uint32Array.of(0, 6, 12),
      vectors: new Map([
        [
          'image',
          {
            values,
            rows: Uint32Array.of(1, 2, 3, 4, 7, 8, 9, 10),
            places: Uint32Array.of(0, 1, 2, 3, 0, 1, 2, 3),
          },
        ],
      ]),
    };
    for (let i = 0; i < 150; i++) training.step([batch], 5e-3);
    expect(training.evaluate([batch])).toBeLessThan(0.05);
    const said = training.predict(batch);
    expect([said[5], said[11]]).toEqual([7, 8]);
  } finally {
    await training.close();
  }
});
