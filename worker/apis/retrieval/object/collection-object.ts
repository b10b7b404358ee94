/**
 * A collection of documents: one object per name, with passages, their words and their vectors.
 * Documents arrive as passages with vectors.
 */
import type { CallContext } from '../../../platform/failure.ts';
import { answerCall } from '../../../platform/rpc.ts';
import type { RpcAnswer } from '../../../platform/rpc.ts';
import { PortableObject } from '../../../platform/storage/portable-object.ts';
import { EngineError } from '../../../../engine/base/errors.ts';
import { invalidField } from '../../../platform/invalid-field.ts';
import { CollectionStore } from './collection-store.ts';
import type { CollectionAbout, NewDocument, StoredDocument } from './collection-store.ts';
import { INDEX_MEMORY } from './index-memory.ts';
import { LocalIndex } from './local-index.ts';
import { searchCollection } from './search.ts';
import type { SearchQuery, SearchResult } from './search.ts';
import type { VectorIndex } from './vector-index.ts';
import { VectorizeIndex } from './vectorize-index.ts';
import type { VectorizeBinding } from './vectorize-index.ts';

/** With 384 values each, 38 MB of the object's 128 MB. */
export const MAX_CHUNKS = 100_000;

export interface VectorsEnv {
  /** Optional: keeps vectors instead of the objects. */
  readonly VECTORIZE?: VectorizeBinding;
}

export interface CollectionState {
  readonly about: CollectionAbout;
  readonly nDocument: number;
  readonly nChunk: number;
}

export class CollectionObject extends PortableObject<VectorsEnv> {
  readonly #store = new CollectionStore(this.ctx.storage);
  #index: VectorIndex | null = null;

  /** @returns false when the collection exists already */
  create(about: CollectionAbout): boolean {
    if (this.#store.about() !== null) return false;
    this.#store.create(about);
    return true;
  }

  /** The collection without its counts, which would read every document. */
  about(): CollectionAbout | null {
    return this.#store.about();
  }

  read(): CollectionState | null {
    const about = this.#store.about();
    return about === null ? null : { about, ...this.#store.counts() };
  }

  async clear(): Promise<boolean> {
    if (this.#store.about() === null) return false;
    await this.#openIndex().remove(Array.from(this.#store.vectors(), ({ chunk }) => chunk));
    await this.ctx.storage.deleteAll();
    this.#index = null;
    INDEX_MEMORY.delete(this);
    return true;
  }

  /** Adds or replaces documents. @returns per document whether it replaced one, or its error */
  async putAll(
    call: CallContext,
    documents: readonly NewDocument[],
  ): Promise<RpcAnswer<{ replaced: boolean }>[]> {
    const answers: RpcAnswer<{ replaced: boolean }>[] = [];
    for (const document of documents) answers.push(await this.#put(call, document));
    return answers;
  }

  #put(call: CallContext, document: NewDocument): Promise<RpcAnswer<{ replaced: boolean }>> {
    return answerCall({ place: 'collection.put', ...call }, async () => {
      this.#requireRoom(document.chunks.length);
      const index = this.#openIndex();
      const replaced = this.#store.document(document.id) !== null;
      const { removed, added } = this.#store.put(document);
      await index.remove(removed);
      await index.add(added);
      return { replaced };
    });
  }

  async remove(documentId: string): Promise<boolean> {
    const index = this.#openIndex();
    const removed = this.#store.remove(documentId);
    if (removed !== null) await index.remove(removed);
    return removed !== null;
  }

  document(documentId: string): StoredDocument | null {
    return this.#store.about() === null ? null : this.#store.document(documentId);
  }

  documents(after: number, limit: number): StoredDocument[] {
    return this.#store.about() === null ? [] : this.#store.documents(after, limit);
  }

  search(call: CallContext, query: SearchQuery): Promise<RpcAnswer<SearchResult[]>> {
    return answerCall({ place: 'collection.search', ...call }, () =>
      searchCollection(this.#store, this.#openIndex(), query),
    );
  }

  /** Vectors are read once in an object's life, as long as there is room for them. */
  #openIndex(): VectorIndex {
    this.#index ??= this.#readIndex();
    if (this.#index instanceof LocalIndex)
      INDEX_MEMORY.set(this, { bytes: this.#index.bytes, drop: () => (this.#index = null) });
    return this.#index;
  }

  #readIndex(): VectorIndex {
    const about = this.#store.about();
    if (about === null) throw new EngineError('E_NOT_FOUND', 'collection: has been deleted.');
    if (this.env.VECTORIZE !== undefined)
      return new VectorizeIndex(this.env.VECTORIZE, about.key, (chunk) =>
        this.#store.documentOf(chunk),
      );
    const local = new LocalIndex(about.nEmbd, this.#store.counts().nChunk);
    for (const { chunk, document, rounded } of this.#store.vectors())
      local.put(chunk, document, rounded);
    return local;
  }

  #requireRoom(nChunk: number): void {
    const { nChunk: there } = this.#store.counts();
    if (there + nChunk <= MAX_CHUNKS) return;
    throw invalidField(
      'documents',
      `a collection holds at most ${MAX_CHUNKS} passages; it has ${there}, and these are ` +
        `${nChunk} more. Use a second collection`,
      { details: { there, more: nChunk, maxChunks: MAX_CHUNKS } },
    );
  }
}
