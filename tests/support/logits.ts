/** Logits of every position of a text, from either engine, and how far two lists of them are apart. */
import type { Engine } from '../../engine/generate/engine.ts';
import { loadNativeModel } from '../../scripts/eval/llama-cpp.ts';
import { argmax, klDivergence } from '../../scripts/eval/statistics.ts';

export type LogitRows = readonly Float32Array[];

export async function engineLogits(engine: Engine, tokens: readonly number[]): Promise<LogitRows> {
  const rows: Float32Array[] = [];
  await engine.evaluate(tokens, (_, logits) => rows.push(logits.slice()));
  return rows;
}

export async function nativeLogits(path: string, tokens: readonly number[]): Promise<LogitRows> {
  const model = await loadNativeModel(path, 1, 256);
  const rows: Float32Array[] = [];
  try {
    await model.evaluate(tokens, (_, logits) => rows.push(logits.slice()));
  } finally {
    await model.dispose();
  }
  return rows;
}

/** KL(reference || other) in nats, the mean over positions. */
export function meanKl(reference: LogitRows, other: LogitRows): number {
  if (reference.length !== other.length) throw new RangeError('texts of different lengths');
  const sum = reference.reduce((total, row, i) => total + klDivergence(row, other[i]!), 0);
  return sum / reference.length;
}

/** Positions whose likeliest token differs although the reference's lead is more than `lead`. */
export function top1Disagreements(reference: LogitRows, other: LogitRows, lead: number): number[] {
  return reference.flatMap((row, i) => {
    const theirs = argmax(other[i]!);
    return row[argmax(row)]! - row[theirs]! > lead ? [i] : [];
  });
}

/** Largest difference of any logit. */
export function maxDifference(reference: LogitRows, other: LogitRows): number {
  let largest = 0;
  for (const [i, row] of reference.entries())
    for (const [token, x] of row.entries())
      largest = Math.max(largest, Math.abs(x - other[i]![token]!));
  return largest;
}
