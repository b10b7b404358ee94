/**
 * Cloudflare Vectorize with the interface of the local index: one index for all collections, with a
 * namespace each. Writes take effect some seconds later. A search returns at most its 100 best, from
 * which chunks of other documents, and chunks that have been removed, are filtered here.
 */
import type { IsAllowed, VectorHit, VectorIndex, VectorRow } from './vector-index.ts';

/**
 * Limits of the service: vectors per call; matches of a query that asks for neither values nor
 * metadata (with them the limit is lower); ids per deletion.
 */
const MAX_UPSERT = 1000;
const MAX_MATCHES = 100;
const MAX_DELETE = 100;

/** The methods of the binding that are used. */
export interface VectorizeBinding {
  upsert(
    vectors: readonly {
      readonly id: string;
      readonly namespace: string;
      readonly values: readonly number[];
    }[],
  ): Promise<unknown>;
  deleteByIds(ids: readonly string[]): Promise<unknown>;
  query(
    vector: readonly number[],
    options: { readonly topK: number; readonly namespace: string; readonly returnMetadata: 'none' },
  ): Promise<{
    readonly matches: readonly { readonly id: string; readonly score: number }[];
  }>;
}

export class VectorizeIndex implements VectorIndex {
  readonly #binding: VectorizeBinding;
  readonly #namespace: string;
  readonly #documentOf: (chunk: number) => number | null;

  /**
   * @param namespace at most 47 characters: with a chunk's number it makes an id, which may have 64 bytes
   * @param documentOf number of a chunk's document; null for removed chunks
   */
  constructor(
    binding: VectorizeBinding,
    namespace: string,
    documentOf: (chunk: number) => number | null,
  ) {
    this.#binding = binding;
    this.#namespace = namespace;
    this.#documentOf = documentOf;
  }

  async add(rows: readonly VectorRow[]): Promise<void> {
    for (let i = 0; i < rows.length; i += MAX_UPSERT)
      await this.#binding.upsert(
        rows.slice(i, i + MAX_UPSERT).map(({ chunk, vector }) => ({
          id: this.#id(chunk),
          namespace: this.#namespace,
          values: [...vector],
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
      returnMetadata: 'none',
    });
    const hits = matches.map(({ id, score }) => ({
      chunk: Number(id.slice(id.lastIndexOf(':') + 1)),
      score,
    }));
    return hits
      .filter(({ chunk }) => {
        const document = this.#documentOf(chunk);
        return document !== null && isAllowed(document);
      })
      .slice(0, k);
  }

  /** Ids are unique in the whole index, not in a namespace. */
  #id(chunk: number): string {
    return `${this.#namespace}:${chunk}`;
  }
}
