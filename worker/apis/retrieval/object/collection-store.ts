/** A collection's rows: documents, and their passages as text and vectors. Knows neither HTTP nor models. */
import { migrate, readSchemaVersion } from '../../../platform/storage/migrate.ts';
import type { Metadata } from './filter.ts';
import { COLLECTION_MIGRATIONS } from './migrations.ts';
import { roundVector } from './vector-index.ts';
import type { RoundedVector, VectorRow } from './vector-index.ts';

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
  readonly position: number;
  readonly start: number;
  readonly end: number;
  readonly heading: string;
  readonly text: string;
}

export type NewChunk = Pick<StoredChunk, 'start' | 'end' | 'heading' | 'text'> & {
  readonly vector: Float32Array;
};

export interface NewDocument {
  readonly id: string;
  readonly metadata: Metadata;
  readonly nChar: number;
  readonly chunks: readonly NewChunk[];
}

/** Most words of a query that are searched for. */
const MAX_QUERY_WORDS = 32;

export class CollectionStore {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** Null when the collection does not exist. */
  about(): CollectionAbout | null {
    if (readSchemaVersion(this.#sql) === 0) return null;
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
  put({ id, metadata, nChar, chunks }: NewDocument): { removed: number[]; added: VectorRow[] } {
    return this.#storage.transactionSync(() => {
      const removed = this.#removeRows(id);
      const { number } = this.#sql
        .exec(
          'INSERT INTO documents (id, metadata, n_char, n_chunk, created_at) VALUES (?, ?, ?, ?, ?) RETURNING number',
          ...[id, JSON.stringify(metadata), nChar, chunks.length, Date.now()],
        )
        .one() as { number: number };
      const added = chunks.map((chunk, position) => this.#insert(number, position, chunk));
      return { removed, added };
    });
  }

  /** @returns ids of the removed passages; null when there is no such document */
  remove(id: string): number[] | null {
    if (this.document(id) === null) return null;
    return this.#storage.transactionSync(() => this.#removeRows(id));
  }

  document(id: string): StoredDocument | null {
    const [row] = this.#sql.exec('SELECT * FROM documents WHERE id = ?', id).toArray();
    return row === undefined ? null : documentOf(row);
  }

  /** Documents in the order they were added, after number `after`. */
  documents(after: number, limit: number): StoredDocument[] {
    return this.#sql
      .exec('SELECT * FROM documents WHERE number > ? ORDER BY number LIMIT ?', after, limit)
      .toArray()
      .map(documentOf);
  }

  *allDocuments(): Generator<StoredDocument, void, void> {
    for (const row of this.#sql.exec('SELECT * FROM documents')) yield documentOf(row);
  }

  *vectors(): Generator<{ chunk: number; document: number; rounded: RoundedVector }, void, void> {
    for (const row of this.#sql.exec('SELECT id, document, vector, scale FROM chunks')) {
      const values = new Int8Array(row['vector'] as ArrayBuffer);
      const rounded = { values, scale: Number(row['scale']) };
      yield { chunk: Number(row['id']), document: Number(row['document']), rounded };
    }
  }

  chunks(ids: readonly number[]): Map<number, StoredChunk> {
    const found = new Map<number, StoredChunk>();
    for (const id of ids) {
      const [row] = this.#sql
        .exec(
          'SELECT id, document, position, "start", "end", heading, text FROM chunks WHERE id = ?',
          id,
        )
        .toArray();
      if (row !== undefined) found.set(id, chunkOf(row));
    }
    return found;
  }

  /** Number of a chunk's document; null when the chunk has been removed. */
  documentOf(chunk: number): number | null {
    const [row] = this.#sql.exec('SELECT document FROM chunks WHERE id = ?', chunk).toArray();
    return row === undefined ? null : Number(row['document']);
  }

  documentByNumber(number: number): StoredDocument | null {
    const [row] = this.#sql.exec('SELECT * FROM documents WHERE number = ?', number).toArray();
    return row === undefined ? null : documentOf(row);
  }

  /** The `limit` best passages with any of the query's words (BM25). */
  searchText(query: string, limit: number): { chunk: number; document: number; score: number }[] {
    const words = queryWords(query);
    if (words.length === 0) return [];
    // Documents are only looked up for the best passages.
    const rows = this.#sql.exec(
      `SELECT best.id AS id, chunks.document AS document, best.score AS score
       FROM (SELECT rowid AS id, -rank AS score FROM chunk_text WHERE chunk_text MATCH ?
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

  get #sql(): SqlStorage {
    return this.#storage.sql;
  }

  #insert(document: number, position: number, chunk: NewChunk): VectorRow {
    const { start, end, heading, text, vector } = chunk;
    const { values, scale } = roundVector(vector);
    const { id } = this.#sql
      .exec(
        'INSERT INTO chunks (document, position, "start", "end", heading, text, vector, scale) ' +
          'VALUES (?, ?, ?, ?, ?, ?, ?, ?) RETURNING id',
        ...[document, position, start, end, heading, text, values.buffer as ArrayBuffer, scale],
      )
      .one() as { id: number };
    this.#sql.exec(
      'INSERT INTO chunk_text (rowid, heading, text) VALUES (?, ?, ?)',
      ...[id, heading, text],
    );
    return { chunk: id, document, vector };
  }

  #removeRows(id: string): number[] {
    const found = this.document(id);
    if (found === null) return [];
    const rows = this.#sql
      .exec('SELECT id, heading, text FROM chunks WHERE document = ?', found.number)
      .toArray();
    // An external-content index must be given the text to remove.
    for (const { id: chunk, heading, text } of rows)
      this.#sql.exec(
        "INSERT INTO chunk_text (chunk_text, rowid, heading, text) VALUES ('delete', ?, ?, ?)",
        ...[chunk!, heading!, text!],
      );
    this.#sql.exec('DELETE FROM chunks WHERE document = ?', found.number);
    this.#sql.exec('DELETE FROM documents WHERE number = ?', found.number);
    return rows.map((row) => Number(row['id']));
  }
}

/** Words that nearly every English passage contains: expensive to search for, and useless. */
const COMMON_WORDS = new Set(
  (
    'a an and are as at be but by for from had has have he her him his i in is it its me my not of on or ' +
    'our she so that the their them then there they this to us was we were what when where which who will with you your'
  ).split(' '),
);

/** Words to search for; common words only if there are no others. */
function queryWords(query: string): string[] {
  const all = [...new Set(query.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [])];
  const telling = all.filter((word) => !COMMON_WORDS.has(word));
  return (telling.length > 0 ? telling : all).slice(0, MAX_QUERY_WORDS);
}

type Row = Record<string, SqlStorageValue>;

function documentOf(row: Row): StoredDocument {
  return {
    number: Number(row['number']),
    id: row['id'] as string,
    metadata: JSON.parse(row['metadata'] as string) as Metadata,
    nChar: Number(row['n_char']),
    nChunk: Number(row['n_chunk']),
    createdAtMs: Number(row['created_at']),
  };
}

function chunkOf(row: Row): StoredChunk {
  return {
    id: Number(row['id']),
    document: Number(row['document']),
    position: Number(row['position']),
    start: Number(row['start']),
    end: Number(row['end']),
    heading: row['heading'] as string,
    text: row['text'] as string,
  };
}
