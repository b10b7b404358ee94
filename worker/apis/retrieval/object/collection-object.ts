/**
 * A collection of documents: one object per name, with passages, their words and their vectors.
 * Documents arrive as passages with vectors.
 */
import type { ContentBox } from '../../../access/content/content-box.ts';
import type { ContentEnv, Owner } from '../../../access/content/content-keys.ts';
import { Keeper } from '../../../access/content/keeper.ts';
import type { CallContext } from '../../../platform/failure.ts';
import { answerCall } from '../../../platform/rpc.ts';
import type { RpcAnswer } from '../../../platform/rpc.ts';
import { PortableObject } from '../../../platform/storage/portable-object.ts';
import type { ContentKey } from '../../../platform/storage/seal.ts';
import { invalidField } from '../../../platform/invalid-field.ts';
import { WordHasher } from './words.ts';
import { collectionDeleted, CollectionStore } from './collection-store.ts';
import type {
  CollectionAbout,
  NewDocument,
  StoredChunk,
  StoredDocument,
} from './collection-store.ts';
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

/** The last passage whose words were indexed since it was restored; absent when all are. */
const WORDS_AFTER = 'words-after';

export class CollectionObject extends PortableObject<VectorsEnv & ContentEnv> {
  readonly #keeper = new Keeper(this.ctx.storage, this.env, 'collection');
  #store = new CollectionStore(this.ctx.storage);
  #index: VectorIndex | null = null;
  #hasher: WordHasher | null = null;

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
    await this.#keeper.end();
    this.#store = new CollectionStore(this.ctx.storage);
    this.#index = null;
    this.#hasher = null;
    INDEX_MEMORY.delete(this);
    return true;
  }

  /** Adds or replaces documents. @returns per document whether it replaced one, or its error */
  async putAll(
    owner: Owner,
    documents: readonly NewDocument[],
  ): Promise<RpcAnswer<{ replaced: boolean }>[]> {
    const answers: RpcAnswer<{ replaced: boolean }>[] = [];
    for (const document of documents) answers.push(await this.#put(owner, document));
    return answers;
  }

  #put(owner: Owner, document: NewDocument): Promise<RpcAnswer<{ replaced: boolean }>> {
    const { requestId } = owner;
    return answerCall({ place: 'collection.put', requestId }, async () => {
      const about = this.#store.about();
      if (about === null) throw collectionDeleted();
      this.#requireRoom(document.chunks.length);
      const box = await this.#keeper.begin(owner, about.name);
      const hasher = this.#hasherOf(await box.writingKey());
      const { replaced, removed, added } = await this.#store.put(box, hasher, document);
      const index = this.#openIndex();
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

  async document(documentId: string): Promise<StoredDocument | null> {
    if (this.#store.about() === null) return null;
    return await this.#store.document(await this.#keeper.find(), documentId);
  }

  async documents(after: number, limit: number): Promise<StoredDocument[]> {
    if (this.#store.about() === null) return [];
    return await this.#store.documents(await this.#keeper.find(), after, limit);
  }

  /** Passages in the order they were added, after the id `after`; `last` is null after the last one. */
  async passages(
    after: number,
    limit: number,
  ): Promise<{ chunks: StoredChunk[]; last: number | null }> {
    if (this.#store.about() === null) return { chunks: [], last: null };
    return await this.#store.chunksAfter(await this.#keeper.find(), after, limit);
  }

  search(call: CallContext, query: SearchQuery): Promise<RpcAnswer<SearchResult[]>> {
    return answerCall({ place: 'collection.search', ...call }, async () => {
      const box = await this.#keeper.find(call);
      const hasher = await this.#findHasher(box);
      await this.#restoreWords(box, hasher);
      return await searchCollection(this.#store, { box, hasher }, this.#openIndex(), query);
    });
  }

  /** The words of what was restored are indexed by the first search, which has the key. */
  override async load(...call: Parameters<PortableObject['load']>): Promise<RpcAnswer<null>> {
    const answer = await super.load(...call);
    await this.ctx.storage.put(WORDS_AFTER, 0);
    return answer;
  }

  async #restoreWords(box: ContentBox | null, hasher: WordHasher | null): Promise<void> {
    const { storage } = this.ctx;
    const after = await storage.get<number>(WORDS_AFTER);
    if (after === undefined || box === null || hasher === null) return;
    const note = (last: number): Promise<void> => storage.put(WORDS_AFTER, last);
    await this.#store.restoreWords(box, hasher, after, note);
    await storage.delete(WORDS_AFTER);
  }

  async #findHasher(box: ContentBox | null): Promise<WordHasher | null> {
    const key = (await box?.findKey()) ?? null;
    return key === null ? null : this.#hasherOf(key);
  }

  #hasherOf(key: ContentKey): WordHasher {
    if (this.#hasher?.key.generation !== key.generation) this.#hasher = new WordHasher(key);
    return this.#hasher;
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
    if (about === null) throw collectionDeleted();
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
