/** What callers think of a session's answers, and whether these may be learned from, in the session's database. */
import { openText } from '../../access/content/content-box.ts';
import type { ContentBox } from '../../access/content/content-box.ts';
import { readSchemaVersion } from '../../platform/storage/migrate.ts';
import { migrateSession, SCHEMA_VERSION } from './migrations.ts';
import type { RatingName } from './schema.ts';

export interface Rating {
  /** Number of the answer among those of the session, from 1. */
  readonly turn: number;
  readonly rating: RatingName;
  /** What would have been a better answer; null where nobody said. */
  readonly better: string | null;
  readonly createdAtMs: number;
}

interface RatingRow extends Record<string, SqlStorageValue> {
  message: number;
  rating: RatingName;
  better: ArrayBuffer | null;
  created_at: number;
}

export class Ratings {
  readonly #storage: DurableObjectStorage;

  constructor(storage: DurableObjectStorage) {
    this.#storage = storage;
  }

  /** False until somebody allowed it. */
  get allowsTraining(): boolean {
    const { sql } = this.#storage;
    if (readSchemaVersion(sql) < SCHEMA_VERSION) return false;
    const [row] = sql.exec('SELECT allows_training FROM consent').toArray();
    return row?.['allows_training'] === 1;
  }

  get isEmpty(): boolean {
    const { sql } = this.#storage;
    if (readSchemaVersion(sql) < SCHEMA_VERSION) return true;
    return sql.exec('SELECT 1 FROM ratings LIMIT 1').toArray().length === 0;
  }

  /** @returns false when there is no session */
  allow(allows: boolean): boolean {
    const { sql } = this.#storage;
    return this.#storage.transactionSync(() => {
      if (readSchemaVersion(sql) === 0) return false;
      migrateSession(sql);
      setConsent(sql, allows);
      return true;
    });
  }

  /**
   * In the order of answers; those of which a destroyed key has sealed what is better are not there.
   * @param answers rows of the messages that answers are, in their order
   */
  async read(box: ContentBox | null, answers: readonly number[]): Promise<Rating[]> {
    if (this.isEmpty) return [];
    const rows = this.#storage.sql
      .exec<RatingRow>('SELECT * FROM ratings ORDER BY message')
      .toArray();
    const turns = new Map(answers.map((id, i) => [id, i + 1]));
    const ratings: Rating[] = [];
    for (const { message, rating, better: sealed, created_at: createdAtMs } of rows) {
      const turn = turns.get(message);
      const better = sealed === null ? null : await openText(box, placeOf(message), sealed);
      if (turn === undefined || (sealed !== null && better === null)) continue;
      ratings.push({ turn, rating, better, createdAtMs });
    }
    return ratings;
  }

  /** Rates an answer, again if it was rated before. @returns false when it has been deleted meanwhile */
  async put(
    box: ContentBox,
    message: number,
    rating: RatingName,
    better: string | null,
  ): Promise<boolean> {
    const sealed = better === null ? null : await box.seal(placeOf(message), better);
    const { sql } = this.#storage;
    return this.#storage.transactionSync(() => {
      if (readSchemaVersion(sql) === 0) return false;
      if (sql.exec('SELECT 1 FROM messages WHERE id = ?', message).toArray().length === 0)
        return false;
      migrateSession(sql);
      sql.exec(
        'INSERT OR REPLACE INTO ratings (message, rating, better, created_at) VALUES (?, ?, ?, ?)',
        ...[message, rating, sealed, Date.now()],
      );
      return true;
    });
  }

  /** Takes a rating back. @returns false when the answer has none */
  delete(message: number): boolean {
    if (this.isEmpty) return false;
    const { sql } = this.#storage;
    return (
      sql.exec('DELETE FROM ratings WHERE message = ? RETURNING 1', message).toArray().length > 0
    );
  }
}

/** To be called inside a transaction, of a database that is up to date. */
export function setConsent(sql: SqlStorage, allows: boolean): void {
  sql.exec('INSERT OR REPLACE INTO consent VALUES (1, ?)', allows ? 1 : 0);
}

const placeOf = (message: number): string => `ratings/${message}/better`;
