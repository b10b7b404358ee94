/** A batch in its object's SQLite database: state, results that are not in a file yet, known custom_ids. */
import type { ContentBox } from '../../access/content/content-box.ts';
import { ANONYMOUS, callerOf } from '../../platform/caller.ts';
import type { Caller } from '../../platform/caller.ts';
import { migrate, readSchemaVersion } from '../../platform/storage/migrate.ts';
import { MAX_CONTENT_BYTES } from '../../platform/storage/row-size.ts';
import { type BatchState, withResult, withSkipped } from './batch-state.ts';
import { BATCH_MIGRATIONS } from './migrations.ts';

/** Line numbers read at a time when results are listed. */
const PAGE_LINES = 256;

export interface LineResult {
  readonly isError: boolean;
  /** A line of a result file, without its line break. */
  readonly text: string;
}

export class BatchStore {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** The state; null when there is none. Reading creates nothing. */
  read(): BatchState | null {
    const { sql } = this.#storage;
    if (readSchemaVersion(sql) === 0) return null;
    const [row] = sql.exec<{ json: string }>('SELECT json FROM state').toArray();
    return row === undefined ? null : withCaller(JSON.parse(row.json) as StoredState);
  }

  create(state: BatchState): void {
    this.#storage.transactionSync(() => {
      migrate(this.#storage.sql, BATCH_MIGRATIONS);
      this.#write(state);
    });
  }

  /** Changes the current state, which may have changed since it was last read. */
  update(change: (state: BatchState) => BatchState): BatchState {
    const state = this.read();
    if (state === null) throw new Error('batch: no state to change');
    const changed = change(state);
    if (changed !== state) this.#write(changed);
    return changed;
  }

  /** The line that owns a custom_id: `line`, unless an earlier one has it. */
  claim(customId: string, line: number): number {
    const { sql } = this.#storage;
    sql.exec('INSERT OR IGNORE INTO custom_ids VALUES (?, ?)', customId, line);
    const row = sql.exec('SELECT line FROM custom_ids WHERE custom_id = ?', customId).one();
    return Number(row['line']);
  }

  hasResult(line: number): boolean {
    const { sql } = this.#storage;
    return (
      sql.exec('SELECT 1 FROM results WHERE line = ? AND piece = 0', line).toArray().length > 0
    );
  }

  /** Stores a line's result and counts it, once per line. */
  async keep(box: ContentBox, line: number, { isError, text }: LineResult): Promise<void> {
    const bytes = new TextEncoder().encode(text);
    const pieces: ArrayBuffer[] = [];
    for (let from = 0; from < bytes.length; from += MAX_CONTENT_BYTES) {
      const piece = bytes.subarray(from, from + MAX_CONTENT_BYTES);
      pieces.push(await box.seal(placeOf(line, pieces.length), piece));
    }
    if (this.hasResult(line)) return;
    this.#insert(line, isError, pieces, true, (state) => withResult(state, isError));
  }

  /** Stores the result of a line that was not run, which holds nothing of its request but the id. */
  keepSkipped(line: number, { isError, text }: LineResult): void {
    // A copy, since a view would be stored with its whole buffer.
    const { buffer } = new TextEncoder().encode(text).slice();
    if (!this.hasResult(line)) this.#insert(line, isError, [buffer], false, withSkipped);
  }

  #insert(
    line: number,
    isError: boolean,
    pieces: readonly ArrayBuffer[],
    isSealed: boolean,
    count: (state: BatchState) => BatchState,
  ): void {
    const { sql } = this.#storage;
    this.#storage.transactionSync(() => {
      migrate(sql, BATCH_MIGRATIONS);
      for (const [piece, bytes] of pieces.entries())
        sql.exec(
          'INSERT INTO results (line, piece, is_error, bytes, is_sealed) VALUES (?, ?, ?, ?, ?)',
          ...[line, piece, Number(isError), bytes, Number(isSealed)],
        );
      this.update(count);
    });
  }

  hasResults(isError: boolean): boolean {
    return this.#lineNumbers(isError, 0, 1).length > 0;
  }

  /** Lines of one result file in the order of the input, a piece at a time. */
  async *results(
    box: ContentBox,
    isError: boolean,
  ): AsyncGenerator<{ bytes: Uint8Array; isLast: boolean }, void, void> {
    const { sql } = this.#storage;
    this.#storage.transactionSync(() => migrate(sql, BATCH_MIGRATIONS));
    for (let after = 0; ;) {
      const lines = this.#lineNumbers(isError, after, PAGE_LINES);
      if (lines.length === 0) return;
      for (const line of lines) {
        const found = sql.exec('SELECT count(*) AS n FROM results WHERE line = ?', line).one();
        const nPiece = Number(found['n']);
        for (let piece = 0; piece < nPiece; piece++) {
          const query = 'SELECT bytes, is_sealed FROM results WHERE line = ? AND piece = ?';
          const row = sql.exec<PieceRow>(query, line, piece).one();
          const stored = new Uint8Array(row.bytes);
          const bytes =
            row.is_sealed === 0 ? stored : await box.bytes(placeOf(line, piece), stored);
          // Of a key that was destroyed.
          if (bytes !== null) yield { bytes, isLast: piece === nPiece - 1 };
        }
        after = line;
      }
    }
  }

  /** Deletes the results, which the files now hold. */
  dropResults(): void {
    this.#storage.sql.exec('DELETE FROM results; DELETE FROM custom_ids;');
  }

  #lineNumbers(isError: boolean, after: number, limit: number): number[] {
    const query =
      'SELECT line FROM results WHERE is_error = ? AND piece = 0 AND line > ? ORDER BY line LIMIT ?';
    const rows = this.#storage.sql.exec(query, Number(isError), after, limit).toArray();
    return rows.map(({ line }) => Number(line));
  }

  #write(state: BatchState): void {
    this.#storage.sql.exec('INSERT OR REPLACE INTO state VALUES (1, ?)', JSON.stringify(state));
  }
}

interface PieceRow extends Record<string, SqlStorageValue> {
  bytes: ArrayBuffer;
  is_sealed: number;
}

const placeOf = (line: number, piece: number): string => `results/${line}/${piece}`;

/** A state that an earlier version wrote has a subject only. */
type StoredState = Omit<BatchState, 'caller'> & {
  readonly caller?: Caller;
  readonly subject?: string;
};

function withCaller({ subject = ANONYMOUS, ...state }: StoredState): BatchState {
  return { ...state, caller: state.caller ?? callerOf(subject) };
}
