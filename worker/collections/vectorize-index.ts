/**
 * Cloudflare Vectorize behind the interface of the local index: one index for all collections, a
 * namespace each. What it takes is written some seconds later, and a search sees at most its 100 best, of
 * which those of other documents are left out here.
 */
import type { IsAllowed, VectorHit, VectorIndex, VectorRow } from './vector-index.ts';

/** Limits of the service: vectors of a call, matches of a query without values, ids of a deletion. */
const MAX_UPSERT = 1000;
const MAX_MATCHES = 100;
const MAX_DELETE = 100;

/** The part of the binding that is used. */
export interface VectorizeBinding {
  upsert(
    vectors: readonly {
      readonly id: string;
      readonly namespace: string;
      readonly values: readonly number[];
      readonly metadata: { readonly document: number };
    }[],
  ): Promise<unknown>;
  deleteByIds(ids: readonly string[]): Promise<unknown>;
  query(
    vector: readonly number[],
    options: { readonly topK: number; readonly namespace: string; readonly returnMetadata: 'all' },
  ): Promise<{
    readonly matches: readonly {
      readonly id: string;
      readonly score: number;
      readonly metadata?: Readonly<Record<string, unknown>>;
    }[];
  }>;
}

export class VectorizeIndex implements VectorIndex {
  readonly #binding: VectorizeBinding;
  readonly #namespace: string;

  constructor(binding: VectorizeBinding, namespace: string) {
    this.#binding = binding;
    this.#namespace = namespace;
  }

  async add(rows: readonly VectorRow[]): Promise<void> {
    for (let i = 0; i < rows.length; i += MAX_UPSERT)
      await this.#binding.upsert(
        rows.slice(i, i + MAX_UPSERT).map(({ chunk, document, vector }) => ({
          id: this.#id(chunk),
          namespace: this.#namespace,
          values: [...vector],
          metadata: { document },
        })),
      );
  }

  async remove(chunks: readonly number[]): Promise<void> {
    const ids = chunks.map((chunk) => this.#id(chunk));
    for (let i = 0; i < ids.length; i += MAX_DELETE)
      await this.#binding.deleteByIds(ids.slice(i, i + MAX_DELETE));
  }

  async search(query: Float32Array, k: number, isAllowed: IsAllowed): Promise<VectorHit[]> {
    const { matches } = await this.#binding.query([...query], {
      topK: MAX_MATCHES,
      namespace: this.#namespace,
      returnMetadata: 'all',
    });
    return matches
      .filter(({ metadata }) => isAllowed(Number(metadata?.['document'])))
      .slice(0, k)
      .map(({ id, score }) => ({ chunk: Number(id.slice(id.lastIndexOf(':') + 1)), score }));
  }

  /** Ids are of the whole index, not of a namespace. */
  #id(chunk: number): string {
    return `${this.#namespace}:${chunk}`;
  }
}
