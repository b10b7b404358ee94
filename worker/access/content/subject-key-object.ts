/**
 * The key that a subject's content is sealed with: one object a subject, outside the databases that hold content.
 * It also knows the names of the subject's sessions and responses, which nothing else lists. A key that was
 * destroyed leaves a tombstone: its number is never given again, and what it sealed never opens.
 */
import { DurableObject } from 'cloudflare:workers';
import type { CallContext } from '../../platform/failure.ts';
import { answerCall } from '../../platform/rpc.ts';
import type { RpcAnswer } from '../../platform/rpc.ts';
import { migrate, readSchemaVersion } from '../../platform/storage/migrate.ts';
import { isWrapped, newRawKey, unwrapKey, wrapKey } from './wrap-key.ts';
import type { StoredKey, WrapVars } from './wrap-key.ts';

/** What a subject keeps that no bucket lists. */
export type ListedKind = 'session' | 'response';

const LISTED: ReadonlySet<string> = new Set<ListedKind>(['session', 'response']);

export function isListed(kind: string): kind is ListedKind {
  return LISTED.has(kind);
}

export interface ListedObject {
  readonly kind: ListedKind;
  readonly name: string;
}

/** A key in the clear, as it crosses between objects of one script. */
export interface RawKey {
  readonly generation: number;
  readonly raw: Uint8Array;
}

export interface Tombstone {
  readonly generation: number;
  readonly destroyedAtMs: number;
}

const MIGRATIONS: readonly string[] = [
  // A destroyed key keeps its number and nothing else.
  `CREATE TABLE keys (
     generation INTEGER PRIMARY KEY AUTOINCREMENT,
     bytes BLOB,
     wrapped_by TEXT,
     created_at INTEGER NOT NULL,
     destroyed_at INTEGER
   );
   CREATE TABLE objects (kind TEXT NOT NULL, name TEXT NOT NULL, PRIMARY KEY (kind, name)) WITHOUT ROWID;`,
];

export class SubjectKeyObject extends DurableObject<WrapVars> {
  /** The key that is in force; null when there is none. */
  async find(call: CallContext, subject: string): Promise<RpcAnswer<RawKey | null>> {
    return await answerCall({ place: 'subjectKey.find', ...call }, () => this.#find(subject));
  }

  /** The key that is in force, or a new one. @param listed an object that is about to hold content */
  async obtain(
    call: CallContext,
    subject: string,
    listed: ListedObject | null,
  ): Promise<RpcAnswer<RawKey>> {
    return await answerCall({ place: 'subjectKey.obtain', ...call }, async () => {
      this.#migrate();
      if (listed !== null)
        this.#sql.exec('INSERT OR IGNORE INTO objects VALUES (?, ?)', listed.kind, listed.name);
      return (await this.#find(subject)) ?? (await this.#make(subject));
    });
  }

  /** Takes an object that was deleted off the list. */
  forget({ kind, name }: ListedObject): void {
    if (readSchemaVersion(this.#sql) === 0) return;
    this.#sql.exec('DELETE FROM objects WHERE kind = ? AND name = ?', kind, name);
  }

  /** Destroys the key that is in force; null when there is none. */
  destroy(): Tombstone | null {
    if (readSchemaVersion(this.#sql) === 0) return null;
    const destroyedAtMs = Date.now();
    const [row] = this.#sql
      .exec(
        'UPDATE keys SET bytes = NULL, wrapped_by = NULL, destroyed_at = ? WHERE bytes IS NOT NULL RETURNING generation',
        destroyedAtMs,
      )
      .toArray();
    return row === undefined ? null : { generation: Number(row['generation']), destroyedAtMs };
  }

  /** Names on the list, in order. */
  listed(kind: ListedKind, after: string, limit: number): string[] {
    if (readSchemaVersion(this.#sql) === 0) return [];
    return this.#sql
      .exec(
        'SELECT name FROM objects WHERE kind = ? AND name > ? ORDER BY name LIMIT ?',
        kind,
        after,
        limit,
      )
      .toArray()
      .map(({ name }) => name as string);
  }

  get #sql(): SqlStorage {
    return this.ctx.storage.sql;
  }

  #migrate(): void {
    this.ctx.storage.transactionSync(() => migrate(this.#sql, MIGRATIONS));
  }

  async #find(subject: string): Promise<RawKey | null> {
    if (readSchemaVersion(this.#sql) === 0) return null;
    const [row] = this.#sql
      .exec('SELECT generation, bytes, wrapped_by FROM keys WHERE bytes IS NOT NULL')
      .toArray();
    if (row === undefined) return null;
    const stored = {
      bytes: new Uint8Array(row['bytes'] as ArrayBuffer),
      wrappedBy: row['wrapped_by'] as string | null,
    };
    const generation = Number(row['generation']);
    const raw = await unwrapKey(this.env, subject, stored);
    if (!(await isWrapped(this.env, stored)))
      this.#rewrap(generation, await wrapKey(this.env, subject, raw));
    return { generation, raw };
  }

  async #make(subject: string): Promise<RawKey> {
    const raw = newRawKey();
    const { bytes, wrappedBy } = await wrapKey(this.env, subject, raw);
    // Another request may have made one in the meantime.
    const other = await this.#find(subject);
    if (other !== null) return other;
    const { generation } = this.#sql
      .exec(
        'INSERT INTO keys (bytes, wrapped_by, created_at) VALUES (?, ?, ?) RETURNING generation',
        ...[bytes.slice().buffer, wrappedBy, Date.now()],
      )
      .one();
    return { generation: Number(generation), raw };
  }

  /** A key that was destroyed in the meantime stays destroyed. */
  #rewrap(generation: number, { bytes, wrappedBy }: StoredKey): void {
    this.#sql.exec(
      'UPDATE keys SET bytes = ?, wrapped_by = ? WHERE generation = ? AND bytes IS NOT NULL',
      ...[bytes.slice().buffer, wrappedBy, generation],
    );
  }
}
