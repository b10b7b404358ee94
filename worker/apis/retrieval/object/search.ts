/** A search of one collection: by meaning, by words, or by both. */
import type { ContentBox } from '../../../access/content/content-box.ts';
import type { Location } from '../../../documents/sections.ts';
import type { WordHasher } from './words.ts';
import type { CollectionStore, StoredDocument } from './collection-store.ts';
import { matchesFilter } from './filter.ts';
import type { Filter, Metadata } from './filter.ts';
import { blendScores } from './blend.ts';
import type { IsAllowed, VectorIndex } from './vector-index.ts';

export const SEARCH_MODES = ['hybrid', 'vector', 'text'] as const;
export type SearchMode = (typeof SEARCH_MODES)[number];

export interface SearchQuery {
  readonly mode: SearchMode;
  readonly topK: number;
  readonly text: string;
  /** The query's vector; null for a search by words only. */
  readonly vector: Float32Array | null;
  readonly filter: Filter | null;
}

export interface SearchResult {
  readonly document: string;
  /** Index of the passage in the document. */
  readonly chunk: number;
  /** Position in the document as it was sent, in UTF-16 units. */
  readonly start: number;
  readonly end: number;
  readonly heading: string;
  readonly text: string;
  /** Page, chapter or rows; null where the format has none. */
  readonly location: Location | null;
  readonly metadata: Metadata;
  /** Score that results are sorted by; only comparable within one mode. */
  readonly score: number;
  /** Cosine, and BM25; null where the passage is not in that ranking. */
  readonly vector_score: number | null;
  readonly text_score: number | null;
}

/** Entries of each ranking that are blended: a lower one cannot rise far. */
const MIN_CANDIDATES = 50;
/** Entries of a ranking by words before a filter is applied. */
const FILTERED_CANDIDATES = 2000;

/** What a search reads with. */
export interface SearchKeys {
  readonly box: ContentBox | null;
  readonly hasher: WordHasher | null;
}

export async function searchCollection(
  store: CollectionStore,
  { box, hasher }: SearchKeys,
  index: VectorIndex,
  query: SearchQuery,
): Promise<SearchResult[]> {
  const { mode, topK, text, vector, filter } = query;
  const isAllowed = await allowedBy(store, box, filter);
  const nCandidate = mode === 'hybrid' ? Math.max(MIN_CANDIDATES, topK) : topK;
  const byVector = new Map<number, number>();
  const byText = new Map<number, number>();
  if (vector !== null)
    for (const { chunk, score } of await index.search(vector, nCandidate, isAllowed))
      byVector.set(chunk, score);
  if (mode !== 'vector')
    for (const { chunk, document, score } of await store.searchText(
      box === null || hasher === null ? null : { box, hasher },
      text,
      filter === null ? nCandidate : FILTERED_CANDIDATES,
    ))
      if (byText.size < nCandidate && isAllowed(document)) byText.set(chunk, score);
  const ranked =
    mode === 'hybrid'
      ? blendScores(byVector, byText, store.counts().nChunk, store.wordless([...byVector.keys()]))
      : Array.from(mode === 'vector' ? byVector : byText, ([key, score]) => ({ key, score }));
  return await results(store, box, ranked.slice(0, topK), byVector, byText);
}

async function results(
  store: CollectionStore,
  box: ContentBox | null,
  ranked: readonly { key: number; score: number }[],
  byVector: ReadonlyMap<number, number>,
  byText: ReadonlyMap<number, number>,
): Promise<SearchResult[]> {
  const chunks = await store.chunks(
    box,
    ranked.map(({ key }) => key),
  );
  const documents = new Map<number, StoredDocument | null>();
  for (const { document } of chunks.values())
    if (!documents.has(document))
      documents.set(document, await store.documentByNumber(box, document));
  return ranked.flatMap(({ key, score }) => {
    const chunk = chunks.get(key);
    if (chunk === undefined) return [];
    const document = documents.get(chunk.document);
    if (document === null || document === undefined) return [];
    const { position, start, end, heading, text, location } = chunk;
    return {
      document: document.id,
      ...{ chunk: position, start, end, heading, text, location },
      metadata: document.metadata,
      score,
      vector_score: byVector.get(key) ?? null,
      text_score: byText.get(key) ?? null,
    };
  });
}

async function allowedBy(
  store: CollectionStore,
  box: ContentBox | null,
  filter: Filter | null,
): Promise<IsAllowed> {
  if (filter === null || Object.keys(filter).length === 0) return () => true;
  const allowed = new Set<number>();
  for (const { number, metadata } of await store.allDocuments(box))
    if (matchesFilter(metadata, filter)) allowed.add(number);
  return (document) => allowed.has(document);
}
