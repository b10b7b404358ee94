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
  const values = Int8Array.from(vector, (value) => (scale === 0 ? 0 : Math.round(value / scale)));
  return { values, scale };
}
