/** Image towers: losses and slopes against the plain reference, threads, what is learned, batches. */
import { expect, test } from 'vitest';
import { contrastiveReference, type Matrix } from '../../engine/kernels/reference/training.ts';
import { f32ToF16 } from '../../engine/quant/half.ts';
import { EYES, N_CONSTANT } from '../../engine/train/eyes.ts';
import { TOWER_SCALE } from '../../engine/train/tower.ts';
import { recallsOf } from '../../scripts/finetune/tower/evaluate.ts';
import { firstWeights } from '../../scripts/finetune/tower/first-weights.ts';
import {
  batchOf,
  pairsOf,
  plainCaption,
  type TowerBatch,
  type TowerPair,
} from '../../scripts/finetune/tower/tower-data.ts';
import { TowerTraining } from '../../scripts/finetune/tower/tower-training.ts';
import { SeededRandom } from '../../scripts/lib/seeded-random.ts';

/** No whole number of tiles. */
const SHAPE = { nIn: 24 + N_CONSTANT, nHidden: 20, nEmbd: 12 };
const N_PAIR = 7;
const OPTIMIZER = { beta1: 0.9, beta2: 0.95, eps: 1e-8, weightDecay: 0.01, maxNorm: 1 };
const FIRST = { seed: 3, temperature: 0.2, labels: null };

function start(nThread = 2): Promise<TowerTraining> {
  const program = { tower: SHAPE, nPair: N_PAIR, nThread, optimizer: OPTIMIZER };
  return TowerTraining.start(program, (weights) => firstWeights(weights, FIRST));
}

function randomBatch(seed: number): TowerBatch {
  const random = new SeededRandom(seed);
  const { nIn, nEmbd } = SHAPE;
  const values = (n: number): Float32Array =>
    Float32Array.from({ length: n }, () => random.next() * 2 - 1);
  return { pictures: values(N_PAIR * nIn), texts: values(N_PAIR * nEmbd) };
}

/** Pictures that say which text is theirs. */
function plainBatch(): TowerBatch {
  const { nIn, nEmbd } = SHAPE;
  const pictures = new Float32Array(N_PAIR * nIn);
  const texts = new Float32Array(N_PAIR * nEmbd);
  for (let i = 0; i < N_PAIR; i++) {
    pictures[i * nIn + i] = 2;
    texts[i * nEmbd + ((i + 3) % nEmbd)] = 1;
  }
  return { pictures, texts };
}

type Values = ReadonlyMap<string, Float64Array>;

function lossReference(weights: Values, { pictures, texts }: TowerBatch): number {
  const { nIn, nHidden, nEmbd } = SHAPE;
  const [hidden, out] = [weights.get(EYES.hidden)!, weights.get(EYES.out)!];
  const vectors = new Float64Array(N_PAIR * nEmbd);
  for (let i = 0; i < N_PAIR; i++) {
    const inside = Array.from({ length: nHidden }, (_, row) => {
      let sum = 0;
      for (let c = 0; c < nIn; c++) sum += hidden[row * nIn + c]! * pictures[i * nIn + c]!;
      return sum / (1 + Math.exp(-sum));
    });
    for (let row = 0; row < nEmbd; row++)
      vectors[i * nEmbd + row] = inside.reduce(
        (sum, value, c) => sum + out[row * nHidden + c]! * value,
        weights.get(EYES.positions)![row]!,
      );
  }
  const matrix = (values: Float64Array): Matrix => ({ nRow: N_PAIR, nCol: nEmbd, values });
  const temperature = Math.exp(-weights.get(TOWER_SCALE)![0]!);
  return contrastiveReference(matrix(vectors), matrix(Float64Array.from(texts)), temperature);
}

test('the loss is that of the reference, and slopes of every weight are its differences', async () => {
  const training = await start();
  try {
    const batch = randomBatch(1);
    const { weights } = training.program.plan.graph;
    const values = new Map(
      weights.map((weight) => [weight.name, Float64Array.from(training.read(weight))] as const),
    );
    const expected = lossReference(values, batch);
    expect(Math.abs(training.accumulate(batch) - expected) / expected).toBeLessThan(1e-5);
    expect(Math.abs(training.evaluate([batch])! - expected / N_PAIR)).toBeLessThan(1e-5);
    expect(weights.map(({ name }) => name)).toEqual([
      ...[EYES.hidden, EYES.out, EYES.positions, TOWER_SCALE],
    ]);
    for (const weight of weights) {
      const slopes = training.slopes(weight);
      const length = Math.sqrt(slopes.reduce((sum, slope) => sum + slope * slope, 0));
      expect(length, weight.name).toBeGreaterThan(0);
      const own = values.get(weight.name)!;
      const kept = own.slice();
      const at = (step: number): number => {
        for (let i = 0; i < own.length; i++) own[i] = kept[i]! + (step * slopes[i]!) / length;
        return lossReference(values, batch);
      };
      const step = 1e-4;
      const difference = (at(step) - at(-step)) / (2 * step);
      own.set(kept);
      expect(Math.abs(difference - length) / length, weight.name).toBeLessThan(1e-4);
    }
  } finally {
    await training.close();
  }
});

test('any number of threads gives the same weights', async () => {
  const learn = async (nThread: number): Promise<Float32Array[]> => {
    const training = await start(nThread);
    try {
      for (let i = 0; i < 3; i++) training.step(randomBatch(i), 1e-2);
      return training.program.plan.graph.weights.map((one) => training.read(one).slice());
    } finally {
      await training.close();
    }
  };
  expect(await learn(1)).toEqual(await learn(3));
});

test('it learns which text is whose, and a lower temperature with it', async () => {
  const training = await start(1);
  try {
    const batch = plainBatch();
    const before = training.evaluate([batch])!;
    for (let i = 0; i < 80; i++) training.step(batch, 2e-2);
    expect(training.evaluate([batch])!).toBeLessThan(before / 20);
    const { vectors, graph } = training.program.plan;
    const rows = (values: Float32Array): Float32Array[] =>
      Array.from({ length: N_PAIR }, (_, i) =>
        values.slice(i * SHAPE.nEmbd, (i + 1) * SHAPE.nEmbd),
      );
    expect(recallsOf(rows(training.read(vectors)), rows(batch.texts))[1].value).toBe(1);
    const scale = graph.weights.find(({ name }) => name === TOWER_SCALE)!;
    expect(training.read(scale)[0]).toBeGreaterThan(Math.log(1 / FIRST.temperature));
  } finally {
    await training.close();
  }
});

test('a start with the labels of an encoder gives its logits, and the vectors of their names', async () => {
  const training = await start(1);
  try {
    const [nClass, nFeature] = [5, SHAPE.nIn - N_CONSTANT];
    const random = new SeededRandom(9);
    const values = (n: number): Float32Array =>
      Float32Array.from({ length: n }, () => random.next());
    const classes = { weight: values(nClass * nFeature), bias: values(nClass) };
    const scale = { mean: values(nFeature), deviation: values(nFeature).map((x) => x + 0.5) };
    const vectors = Array.from({ length: nClass }, () => values(SHAPE.nEmbd));
    const { weights } = training.program.plan.graph;
    const first = firstWeights(weights, { ...FIRST, labels: { classes, vectors, scale } });
    const [hidden, out] = [first.get(EYES.hidden)!, first.get(EYES.out)!];
    const seen = values(nFeature);
    for (let row = 0; row < nClass; row++) {
      let [logit, made] = [classes.bias[row]!, hidden[row * SHAPE.nIn + nFeature]!];
      for (let c = 0; c < nFeature; c++) {
        logit += classes.weight[row * nFeature + c]! * seen[c]!;
        made += (hidden[row * SHAPE.nIn + c]! * (seen[c]! - scale.mean[c]!)) / scale.deviation[c]!;
      }
      expect(made).toBeCloseTo(logit, 4);
      const mean = vectors.reduce((sum, vector) => sum + vector[0]!, 0) / nClass;
      expect(out[row]).toBeCloseTo(vectors[row]![0]! - mean, 5);
    }
  } finally {
    await training.close();
  }
});

test('a step has each caption once, every pair is seen, and what is left out is drawn by the seed', () => {
  const train: TowerPair[] = Array.from({ length: 20 }, (_, i) => ({
    sha256: String(i),
    text: i < 4 ? 0 : i,
  }));
  const seen = new Set<string>();
  for (let step = 0; step < 30; step++) {
    const pairs = pairsOf(train, { seed: 1, step, nPair: 6 });
    expect(pairs).toHaveLength(6);
    expect(new Set(pairs.map(({ text }) => text)).size).toBe(6);
    for (const { sha256 } of pairs) seen.add(sha256);
  }
  expect(seen.size).toBe(20);
  const halves = (value: number) => new Uint16Array(8).fill(f32ToF16(value));
  const views = [1, 3].map((value) => new Map(train.map(({ sha256 }) => [sha256, halves(value)])));
  const scale = { mean: new Float32Array(8).fill(1), deviation: new Float32Array(8).fill(2) };
  const data = { views, scale, texts: train.map(() => Float32Array.of(0, 1)) };
  const plain = batchOf(train.slice(0, 2), data, { drawn: null });
  expect([...plain.pictures.subarray(0, 12)]).toEqual([0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0]);
  const drawn = (seed: number) => batchOf(train, data, { drawn: { seed, dropout: 0.5 } }).pictures;
  expect(drawn(1)).toEqual(drawn(1));
  expect(drawn(1)).not.toEqual(drawn(2));
  // Of the second view, what is not left out counts twice: (3 - 1) / 2 / (1 - 0.5).
  expect(new Set(drawn(1))).toEqual(new Set([0, 1, 2]));
});

test('recalls count answers that are as near as a wrong one as behind it', () => {
  const axis = (i: number) => Float32Array.from({ length: 3 }, (_, c) => (c === i ? 1 : 0));
  const recalls = recallsOf([axis(0), axis(1), axis(2)], [axis(0), axis(0), axis(2)]);
  // The first has a wrong answer that is as near, the second is nowhere.
  expect(recalls[1].value).toBeCloseTo(1 / 3);
  expect(recalls[5].value).toBe(1);
  expect(plainCaption('  A dog, "here".')).toBe('a dog here');
});
