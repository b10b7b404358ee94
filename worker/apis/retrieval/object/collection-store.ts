/** A collection's rows: documents, and their passages as text and vectors. Knows neither HTTP nor models. */
import { EngineError } from '../../../../engine/base/errors.ts';
import { openText } from '../../../access/content/content-box.ts';
import type { ContentBox } from '../../../access/content/content-box.ts';
import { takeTurn } from '../../../platform/turns.ts';
import { migrate, readSchemaVersion } from '../../../platform/storage/migrate.ts';
import type { Location } from '../../../documents/sections.ts';
import type { Metadata } from './filter.ts';
import { COLLECTION_MIGRATIONS } from './migrations.ts';
import { roundVector } from './vector-index.ts';
import type { RoundedVector, VectorRow } from './vector-index.ts';
import { queryWords } from './words.ts';
import type { WordHasher } from './words.ts';

/** Properties of a collection. */
export interface CollectionAbout {
  readonly name: string;
  /** Unique to this collection, unlike its name, which a later one may have. */
  readonly key: string;
  readonly model: string;
  readonly nEmbd: number;
  readonly chunkTokens: number;
  readonly createdAtMs: number;
}

export interface StoredDocument {
  readonly number: number;
  readonly id: string;
  readonly metadata: Metadata;
  readonly nChar: number;
  readonly nChunk: number;
  readonly createdAtMs: number;
}

export interface StoredChunk {
  readonly id: number;
  readonly document: number;
  readonly documentId: string;
  readonly position: number;
  readonly start: number;
  readonly end: number;
  readonly heading: string;
  readonly text: string;
  readonly location: Location | null;
}

export type NewChunk = Pick<StoredChunk, 'start' | 'end' | 'heading' | 'text' | 'location'> & {
  readonly vector: Float32Array;
};

export interface NewDocument {
  readonly id: string;
  readonly metadata: Metadata;
  readonly nChar: number;
  readonly chunks: readonly NewChunk[];
}

/** Rows of earlier versions that a write seals, too. */
const SEALED_PER_WRITE = 256;
/** Passages of a new document after which other requests run: sealing one takes a twentieth of a millisecond. */
const PASSAGES_BETWEEN_TURNS = 512;
/** Documents whose opened metadata is kept for filters. */
const MAX_KNOWN_METADATA = 20_000;

/** A passage in the form in which it is stored. */
interface SealedChunk {
  readonly content: ArrayBuffer;
  readonly headingWords: string;
  readonly textWords: string;
}

export class CollectionStore {
  readonly #storage: DurableObjectStorage;
  /** By number of document. */
  readonly #metadata = new Map<number, Metadata>();

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** Null when the collection does not exist. */
  about(): CollectionAbout | null {
    const version = readSchemaVersion(this.#sql);
    if (version === 0) return null;
    if (version < COLLECTION_MIGRATIONS.length)
      this.#storage.transactionSync(() => migrate(this.#sql, COLLECTION_MIGRATIONS));
    const [row] = this.#sql.exec('SELECT json FROM about').toArray();
    return row === undefined ? null : (JSON.parse(row['json'] as string) as CollectionAbout);
  }

  create(about: CollectionAbout): void {
    this.#storage.transactionSync(() => {
      migrate(this.#sql, COLLECTION_MIGRATIONS);
      this.#sql.exec('INSERT INTO about VALUES (1, ?)', JSON.stringify(about));
    });
  }

  counts(): { nDocument: number; nChunk: number } {
    const row = this.#sql
      .exec('SELECT COUNT(*) AS n, COALESCE(SUM(n_chunk), 0) AS chunks FROM documents')
      .one();
    return { nDocument: Number(row['n']), nChunk: Number(row['chunks']) };
  }

  /** Adds a document, or replaces the one with the same id. */
  async put(
    box: ContentBox,
    hasher: WordHasher,
    { id, metadata, nChar, chunks }: NewDocument,
  ): Promise<{ replaced: boolean; removed: number[]; added: VectorRow[] }> {
    await this.#sealClear(box, hasher);
    const about = await box.sealWith(hasher.key, metadataPlace(id), JSON.stringify(metadata));
    const sealed: SealedChunk[] = [];
    for (const [position, chunk] of chunks.entries()) {
      sealed.push(await sealChunk(box, hasher, id, position, chunk));
      if (sealed.length % PASSAGES_BETWEEN_TURNS === 0) await takeTurn();
    }
    this.#requireExisting();
    return this.#storage.transactionSync(() => {
      const replaced = this.#numberOf(id) !== null;
      const removed = this.#removeRows(id);
      const { number } = this.#sql
        .exec(
          'INSERT INTO documents (id, metadata, n_char, n_chunk, created_at) VALUES (?, ?, ?, ?, ?) RETURNING number',
          ...[id, about, nChar, chunks.length, Date.now()],
        )
        .one() as { number: number };
      const added = chunks.map((chunk, i) => this.#insert(number, i, chunk, sealed[i]!));
      return { replaced, removed, added };
    });
  }

  /** @returns ids of the removed passages; null when there is no such document */
  remove(id: string): number[] | null {
    if (this.#numberOf(id) === null) return null;
    return this.#storage.transactionSync(() => this.#removeRows(id));
  }

  /** Null when there is none, or when its key has been destroyed. */
  async document(box: ContentBox | null, id: string): Promise<StoredDocument | null> {
    const [row] = this.#sql.exec('SELECT * FROM documents WHERE id = ?', id).toArray();
    return row === undefined ? null : await this.#documentOf(box, row);
  }

  /** Documents in the order they were added, after number `after`. */
  async documents(box: ContentBox | null, after: number, limit: number): Promise<StoredDocument[]> {
    const rows = this.#sql
      .exec('SELECT * FROM documents WHERE number > ? ORDER BY number LIMIT ?', after, limit)
      .toArray();
    return await this.#documentsOf(box, rows);
  }

  async allDocuments(box: ContentBox | null): Promise<StoredDocument[]> {
    return await this.#documentsOf(box, this.#sql.exec('SELECT * FROM documents').toArray());
  }

  *vectors(): Generator<{ chunk: number; document: number; rounded: RoundedVector }, void, void> {
    for (const row of this.#sql.exec('SELECT id, document, vector, scale FROM chunks')) {
      const values = new Int8Array(row['vector'] as ArrayBuffer);
      const rounded = { values, scale: Number(row['scale']) };
      yield { chunk: Number(row['id']), document: Number(row['document']), rounded };
    }
  }

  /** Passages by their ids; those whose key has been destroyed are not among them. */
  async chunks(box: ContentBox | null, ids: readonly number[]): Promise<Map<number, StoredChunk>> {
    const found = new Map<number, StoredChunk>();
    for (const id of ids) {
      const [row] = this.#sql.exec(`${CHUNK_ROWS} WHERE chunks.id = ?`, id).toArray();
      const chunk = row === undefined ? null : await openChunk(box, row);
      if (chunk !== null) found.set(id, chunk);
    }
    return found;
  }

  /** Passages in the order of their ids, after `after`. */
  async chunksAfter(
    box: ContentBox | null,
    after: number,
    limit: number,
  ): Promise<{ chunks: StoredChunk[]; last: number | null }> {
    const rows = this.#sql
      .exec(`${CHUNK_ROWS} WHERE chunks.id > ? ORDER BY chunks.id LIMIT ?`, after, limit)
      .toArray();
    const chunks: StoredChunk[] = [];
    for (const row of rows) {
      const chunk = await openChunk(box, row);
      if (chunk !== null) chunks.push(chunk);
    }
    const last = rows.at(-1);
    return { chunks, last: last === undefined ? null : Number(last['id']) };
  }

  /** Number of a chunk's document; null when the chunk has been removed. */
  documentOf(chunk: number): number | null {
    const [row] = this.#sql.exec('SELECT document FROM chunks WHERE id = ?', chunk).toArray();
    return row === undefined ? null : Number(row['document']);
  }

  async documentByNumber(box: ContentBox | null, number: number): Promise<StoredDocument | null> {
    const [row] = this.#sql.exec('SELECT * FROM documents WHERE number = ?', number).toArray();
    return row === undefined ? null : await this.#documentOf(box, row);
  }

  /**
   * The `limit` best passages with any of the query's words (BM25). Passages in the clear that match are sealed
   * first: scores of two indexes, each with its own statistics, would not be one ranking.
   * @param keys null when nothing sealed can be searched
   */
  async searchText(
    keys: { readonly box: ContentBox; readonly hasher: WordHasher } | null,
    query: string,
    limit: number,
  ): Promise<{ chunk: number; document: number; score: number }[]> {
    const words = queryWords(query);
    if (words.length === 0) return [];
    if (keys === null) return this.#match('chunk_text', words, limit);
    const { box, hasher } = keys;
    const hashes = await hasher.hashText(words.join(' '));
    if (this.#hasClear()) {
      const clear = this.#match('chunk_text', words, limit).map(({ chunk }) => chunk);
      await this.#sealChunks(box, hasher, this.#rows(clear));
    }
    return hashes === '' ? [] : this.#match('chunk_words', hashes.split(' '), limit);
  }

  #match(
    index: 'chunk_words' | 'chunk_text',
    words: readonly string[],
    limit: number,
  ): { chunk: number; document: number; score: number }[] {
    // Documents are only looked up for the best passages.
    const rows = this.#sql.exec(
      `SELECT best.id AS id, chunks.document AS document, best.score AS score
       FROM (SELECT rowid AS id, -rank AS score FROM ${index} WHERE ${index} MATCH ?
             ORDER BY rank LIMIT ?) AS best
       JOIN chunks ON chunks.id = best.id ORDER BY score DESC`,
      ...[words.map((word) => `"${word}"`).join(' OR '), limit],
    );
    return rows.toArray().map((row) => ({
      chunk: Number(row['id']),
      document: Number(row['document']),
      score: Number(row['score']),
    }));
  }

  /**
   * Indexes the words of sealed passages after `after` that have none: an index of words cannot be copied out.
   * @param note told after each page how far it is, so that it can go on from there
   */
  async restoreWords(
    box: ContentBox,
    hasher: WordHasher,
    after: number,
    note: (last: number) => Promise<void>,
  ): Promise<void> {
    for (let last = after; ;) {
      const rows = this.#sql
        .exec(
          `${CHUNK_ROWS} WHERE chunks.id > ? ORDER BY chunks.id LIMIT ?`,
          last,
          SEALED_PER_WRITE,
        )
        .toArray();
      for (const row of rows) await this.#restoreWordsOf(box, hasher, row);
      if (rows.length < SEALED_PER_WRITE) return;
      last = Number(rows.at(-1)['id']);
      await note(last);
    }
  }

  async #restoreWordsOf(box: ContentBox, hasher: WordHasher, row: Row): Promise<void> {
    if (typeof row['text'] === 'string') return;
    const chunk = await openChunk(box, row);
    if (chunk === null) return;
    const headingWords = await hasher.hashText(chunk.heading);
    const textWords = await hasher.hashText(chunk.text);
    this.#requireExisting();
    this.#storage.transactionSync(() => {
      const id = chunk.id;
      const [known] = this.#sql.exec('SELECT 1 FROM chunk_words WHERE rowid = ?', id).toArray();
      const [still] = this.#sql.exec('SELECT 1 FROM chunks WHERE id = ?', id).toArray();
      if (known === undefined && still !== undefined)
        this.#insertWords(id, { headingWords, textWords });
    });
  }

  #hasClear(): boolean {
    const rows = this.#sql.exec("SELECT 1 FROM chunks WHERE typeof(text) = 'text' LIMIT 1");
    return rows.toArray().length > 0;
  }

  /** Seals some rows that an earlier version wrote. */
  async #sealClear(box: ContentBox, hasher: WordHasher): Promise<void> {
    const about = this.#sql
      .exec(
        "SELECT id, number, metadata FROM documents WHERE typeof(metadata) = 'text' LIMIT ?",
        SEALED_PER_WRITE,
      )
      .toArray();
    for (const { id, number, metadata } of about) {
      const sealed = await box.sealWith(
        hasher.key,
        metadataPlace(id as string),
        metadata as string,
      );
      this.#requireExisting();
      this.#sql.exec(
        "UPDATE documents SET metadata = ? WHERE number = ? AND typeof(metadata) = 'text'",
        ...[sealed, number!],
      );
    }
    const rows = this.#sql
      .exec(`${CHUNK_ROWS} WHERE typeof(chunks.text) = 'text' LIMIT ?`, SEALED_PER_WRITE)
      .toArray();
    await this.#sealChunks(box, hasher, rows);
  }

  async #sealChunks(box: ContentBox, hasher: WordHasher, rows: readonly Row[]): Promise<void> {
    for (const row of rows) {
      const { document_id, position, heading, text } = row;
      const sealed = await sealChunk(
        ...([box, hasher, document_id as string, Number(position)] as const),
        { heading: heading as string, text: text as string, location: null },
      );
      this.#requireExisting();
      this.#storage.transactionSync(() => this.#replaceClear(row, sealed));
    }
  }

  /** Another request may have sealed or removed it in the meantime. */
  #replaceClear(row: Row, sealed: SealedChunk): void {
    const id = Number(row['id']);
    const [still] = this.#sql
      .exec("SELECT 1 FROM chunks WHERE id = ? AND typeof(text) = 'text'", id)
      .toArray();
    if (still === undefined) return;
    this.#removeClearWords(row);
    this.#sql.exec("UPDATE chunks SET heading = '', text = ? WHERE id = ?", sealed.content, id);
    this.#insertWords(id, sealed);
  }

  /** Those passages that are pictures without a caption. */
  wordless(ids: readonly number[]): Set<number> {
    const isWordless = (id: number): boolean =>
      this.#sql.exec('SELECT 1 FROM chunks WHERE id = ? AND "start" = "end"', id).toArray().length >
      0;
    return new Set(ids.filter(isWordless));
  }

  #rows(ids: readonly number[]): Row[] {
    return ids.flatMap((id) => this.#sql.exec(`${CHUNK_ROWS} WHERE chunks.id = ?`, id).toArray());
  }

  #requireExisting(): void {
    if (this.about() === null) throw collectionDeleted();
  }

  async #documentsOf(box: ContentBox | null, rows: readonly Row[]): Promise<StoredDocument[]> {
    const found: StoredDocument[] = [];
    for (const row of rows) {
      const document = await this.#documentOf(box, row);
      if (document !== null) found.push(document);
    }
    return found;
  }

  async #documentOf(box: ContentBox | null, row: Row): Promise<StoredDocument | null> {
    const number = Number(row['number']);
    const id = row['id'] as string;
    let metadata = this.#metadata.get(number);
    if (metadata === undefined) {
      const text = await openText(box, metadataPlace(id), row['metadata']!);
      if (text === null) return null;
      metadata = JSON.parse(text) as Metadata;
      if (this.#metadata.size >= MAX_KNOWN_METADATA) this.#metadata.clear();
      this.#metadata.set(number, metadata);
    }
    return {
      ...{ number, id, metadata, nChar: Number(row['n_char']) },
      nChunk: Number(row['n_chunk']),
      createdAtMs: Number(row['created_at']),
    };
  }

  get #sql(): SqlStorage {
    return this.#storage.sql;
  }

  #insert(document: number, position: number, chunk: NewChunk, sealed: SealedChunk): VectorRow {
    const { start, end, vector } = chunk;
    const { values, scale } = roundVector(vector);
    const { id } = this.#sql
      .exec(
        'INSERT INTO chunks (document, position, "start", "end", heading, text, vector, scale) ' +
          "VALUES (?, ?, ?, ?, '', ?, ?, ?) RETURNING id",
        ...[document, position, start, end, sealed.content, values.buffer as ArrayBuffer, scale],
      )
      .one() as { id: number };
    this.#insertWords(id, sealed);
    return { chunk: id, document, vector };
  }

  #insertWords(chunk: number, { headingWords, textWords }: Omit<SealedChunk, 'content'>): void {
    this.#sql.exec(
      'INSERT INTO chunk_words (rowid, heading, text) VALUES (?, ?, ?)',
      ...[chunk, headingWords, textWords],
    );
  }

  #numberOf(id: string): number | null {
    const [row] = this.#sql.exec('SELECT number FROM documents WHERE id = ?', id).toArray();
    return row === undefined ? null : Number(row['number']);
  }

  #removeRows(id: string): number[] {
    const number = this.#numberOf(id);
    if (number === null) return [];
    const rows = this.#sql
      .exec('SELECT id, heading, text FROM chunks WHERE document = ?', number)
      .toArray();
    for (const row of rows)
      if (typeof row['text'] === 'string') this.#removeClearWords(row);
      else this.#sql.exec('DELETE FROM chunk_words WHERE rowid = ?', row['id']!);
    this.#sql.exec('DELETE FROM chunks WHERE document = ?', number);
    this.#sql.exec('DELETE FROM documents WHERE number = ?', number);
    this.#metadata.delete(number);
    return rows.map((row) => Number(row['id']));
  }

  /** An external-content index must be given the text to remove. */
  #removeClearWords({ id, heading, text }: Row): void {
    this.#sql.exec(
      "INSERT INTO chunk_text (chunk_text, rowid, heading, text) VALUES ('delete', ?, ?, ?)",
      ...[id!, heading!, text!],
    );
  }
}

export function collectionDeleted(): EngineError {
  return new EngineError('E_NOT_FOUND', 'collection: has been deleted.');
}

/** Passages with the ids of their documents, which are part of their place. */
const CHUNK_ROWS =
  'SELECT chunks.id, document, documents.id AS document_id, position, "start", "end", heading, text ' +
  'FROM chunks JOIN documents ON documents.number = chunks.document';

const metadataPlace = (documentId: string): string => `metadata/${documentId}`;
const chunkPlace = (documentId: string, position: number): string =>
  `passage/${position}/${documentId}`;

async function sealChunk(
  box: ContentBox,
  hasher: WordHasher,
  documentId: string,
  position: number,
  { heading, text, location }: Pick<StoredChunk, 'heading' | 'text' | 'location'>,
): Promise<SealedChunk> {
  const place = chunkPlace(documentId, position);
  return {
    content: await box.sealWith(
      hasher.key,
      place,
      JSON.stringify(location === null ? [heading, text] : [heading, text, location]),
    ),
    headingWords: await hasher.hashText(heading),
    textWords: await hasher.hashText(text),
  };
}

type Row = Record<string, SqlStorageValue>;

/** Null when the key of the passage has been destroyed. */
async function openChunk(box: ContentBox | null, row: Row): Promise<StoredChunk | null> {
  const position = Number(row['position']);
  const stored = row['text']!;
  const head = {
    ...{ id: Number(row['id']), document: Number(row['document']), position },
    ...{ documentId: row['document_id'] as string },
    ...{ start: Number(row['start']), end: Number(row['end']) },
  };
  if (typeof stored === 'string')
    return { ...head, heading: row['heading'] as string, text: stored, location: null };
  const json = await openText(box, chunkPlace(head.documentId, position), stored);
  if (json === null) return null;
  const [heading, text, location = null] = JSON.parse(json) as [string, string, Location?];
  return { ...head, heading, text, location };
}
