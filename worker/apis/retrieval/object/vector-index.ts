/** An index of a collection's vectors: in its object's memory, or in an external service. */

export interface VectorRow {
  readonly chunk: number;
  /** Number of the chunk's document. */
  readonly document: number;
  /** Normalized to length one. */
  readonly vector: Float32Array;
}

export interface VectorHit {
  readonly chunk: number;
  /** Cosine similarity. */
  readonly score: number;
}

export type IsAllowed = (document: number) => boolean;

export interface VectorIndex {
  add(rows: readonly VectorRow[]): Promise<void>;
  remove(chunks: readonly number[]): Promise<void>;
  /** The `k` best chunks of allowed documents, the best first. */
  search(query: Float32Array, k: number, isAllowed: IsAllowed): Promise<VectorHit[]>;
}

/** A vector as int8 values and their scale: 384 values in 384 bytes. */
export interface RoundedVector {
  readonly values: Int8Array;
  readonly scale: number;
}

export function roundVector(vector: Float32Array): RoundedVector {
  let largest = 0;
  for (const value of vector) largest = Math.max(largest, Math.abs(value));
  const scale = largest / 127;
  const values = new Int8Array(vector.length);
  // A plain loop: `Int8Array.from` with a function took most of the time in which a large document is stored.
  if (scale > 0) for (let i = 0; i < values.length; i++) values[i] = Math.round(vector[i]! / scale);
  return { values, scale };
}
