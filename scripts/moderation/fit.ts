/** Logistic regression over hashed features: AdaGrad, one label after the other, the same numbers from the same seed. */
import { uniformAt } from '../../engine/sample/random.ts';
import { BucketReader } from '../../engine/text/text-classifier.ts';
import { wordFeatures, wordsOf } from '../../engine/text/hashed-features.ts';
import type { Example } from './examples.ts';

export interface FitOptions {
  readonly bucketBits: number;
  readonly nEpoch: number;
  readonly learningRate: number;
  /** Pulls weights to zero: nats lost per squared weight and example. */
  readonly l2: number;
  readonly seed: number;
}

export interface Fitted {
  readonly weights: Float32Array;
  readonly bias: number;
}

/** Buckets of each text; texts longer than a window are taken whole. */
export function bucketsOf(examples: readonly Example[], bucketBits: number): Int32Array[] {
  const reader = new BucketReader(bucketBits);
  return examples.map(({ text }) => {
    const features = wordFeatures(wordsOf(text));
    reader.read(features, 0, features.length);
    return reader.ids.slice(0, reader.n);
  });
}

/** @param targets share of annotators who gave the label, for each text */
export function fit(
  texts: readonly Int32Array[],
  targets: readonly number[],
  { bucketBits, nEpoch, learningRate, l2, seed }: FitOptions,
): Fitted {
  const weights = new Float32Array(2 ** bucketBits);
  const squares = new Float32Array(2 ** bucketBits).fill(1e-4);
  let [bias, biasSquares] = [0, 1e-4];
  const order = texts.map((_, i) => i);
  for (let epoch = 0; epoch < nEpoch; epoch++) {
    shuffle(order, seed + epoch);
    for (const i of order) {
      const ids = texts[i]!;
      if (ids.length === 0) continue;
      const value = 1 / Math.sqrt(ids.length);
      let z = bias;
      for (const id of ids) z += weights[id]! * value;
      const error = 1 / (1 + Math.exp(-z)) - targets[i]!;
      for (const id of ids) {
        const gradient = error * value + l2 * weights[id]!;
        squares[id]! += gradient * gradient;
        weights[id]! -= (learningRate * gradient) / Math.sqrt(squares[id]!);
      }
      biasSquares += error * error;
      bias -= (learningRate * error) / Math.sqrt(biasSquares);
    }
  }
  return { weights, bias };
}

function shuffle(order: number[], seed: number): void {
  for (let i = order.length - 1; i > 0; i--) {
    const j = Math.floor(uniformAt(seed, i) * (i + 1));
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
}

/** Int8 weights and what to multiply them with. */
export function quantize(weights: Float32Array): { weights: Int8Array; scale: number } {
  const sorted = weights.map(Math.abs).sort();
  // A few weights are much larger than all others; they are cut instead of making all others coarse.
  const largest = sorted[Math.floor(sorted.length * 0.9999)]!;
  const scale = largest / 127;
  return {
    weights: Int8Array.from(weights, (x) => Math.max(-127, Math.min(127, Math.round(x / scale)))),
    scale,
  };
}
