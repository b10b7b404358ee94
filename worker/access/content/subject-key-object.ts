/**
 * The key that a subject's content is sealed with: one object a subject. The key itself lies in the bucket
 * (key-file.ts); the object knows which one is in force. A key that was destroyed leaves a tombstone: its number is
 * never given again, and what it sealed never opens.
 */
import type { CallContext } from '../../platform/failure.ts';
import { answerCall } from '../../platform/rpc.ts';
import type { RpcAnswer } from '../../platform/rpc.ts';
import { PortableObject } from '../../platform/storage/portable-object.ts';
import { migrate, readSchemaVersion } from '../../platform/storage/migrate.ts';
import { destroyKeyFile, hasKeyFile, readKeyFile, writeKeyFile } from './key-file.ts';
import type { KeyFilesEnv } from './key-file.ts';
import { isWrapped, newRawKey, unwrapKey, wrapKey } from './wrap-key.ts';
import type { WrapVars } from './wrap-key.ts';

export type SubjectKeyEnv = WrapVars & KeyFilesEnv;

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
  // A key is in force from the time it is stored until it is destroyed; deleted_at: when its bytes were, too.
  `CREATE TABLE keys (
     generation INTEGER PRIMARY KEY AUTOINCREMENT,
     stored_at INTEGER,
     destroyed_at INTEGER,
     deleted_at INTEGER
   );
   -- Receipts, the last of which may still be at work.
   CREATE TABLE erasures (number INTEGER PRIMARY KEY AUTOINCREMENT, json TEXT NOT NULL);`,
];

/** To be called inside a transaction. */
export function migrateSubject(sql: SqlStorage): void {
  migrate(sql, MIGRATIONS);
}

export class SubjectKeyObject<
  Env extends SubjectKeyEnv = SubjectKeyEnv,
> extends PortableObject<Env> {
  #making: Promise<RawKey> | null = null;

  /** The key that is in force; null when there is none. */
  async find(call: CallContext, subject: string): Promise<RpcAnswer<RawKey | null>> {
    return await answerCall({ place: 'subjectKey.find', ...call }, () => this.#find(subject));
  }

  /** The key that is in force, or a new one. */
  async obtain(call: CallContext, subject: string): Promise<RpcAnswer<RawKey>> {
    return await answerCall({ place: 'subjectKey.obtain', ...call }, async () => {
      this.#migrate();
      const found = await this.#find(subject);
      if (found !== null) return found;
      this.#making ??= this.#make(subject).finally(() => (this.#making = null));
      return await this.#making;
    });
  }

  /** A file is about to be stored: whoever deletes files by their age may look (worker/apis/subjects). */
  expectFile(_subject: string): void | Promise<void> {
    return undefined;
  }

  /** Whether a key is in force. */
  hasKey(): boolean {
    return this.#inForce() !== null;
  }

  /**
   * Destroys the key that is in force; null when there is none. Cut off, it is destroyed already, and the next call
   * deletes its bytes.
   */
  async destroy(subject: string): Promise<Tombstone | null> {
    if (readSchemaVersion(this.#sql) === 0) return null;
    await this.#making?.catch(() => undefined);
    const destroyedAtMs = Date.now();
    const [row] = this.#sql
      .exec(
        'UPDATE keys SET destroyed_at = ? WHERE destroyed_at IS NULL AND stored_at IS NOT NULL RETURNING generation',
        destroyedAtMs,
      )
      .toArray();
    const left = this.#sql
      .exec(
        'SELECT generation FROM keys WHERE deleted_at IS NULL AND (destroyed_at IS NOT NULL OR stored_at IS NULL)',
      )
      .toArray();
    for (const { generation } of left) {
      await destroyKeyFile(this.env, subject, Number(generation));
      this.#sql.exec(
        'UPDATE keys SET deleted_at = ? WHERE generation = ?',
        Date.now(),
        generation!,
      );
    }
    return row === undefined ? null : { generation: Number(row['generation']), destroyedAtMs };
  }

  get #sql(): SqlStorage {
    return this.ctx.storage.sql;
  }

  #migrate(): void {
    this.ctx.storage.transactionSync(() => migrateSubject(this.#sql));
  }

  async #find(subject: string): Promise<RawKey | null> {
    const generation = this.#inForce();
    if (generation === null) return null;
    const stored = await readKeyFile(this.env, subject, generation);
    // Of a database that was restored: its key was destroyed, and stays so.
    if (stored === null) {
      this.#sql.exec(
        'UPDATE keys SET destroyed_at = ?, deleted_at = ? WHERE generation = ?',
        ...[Date.now(), Date.now(), generation],
      );
      return null;
    }
    const raw = await unwrapKey(this.env, subject, stored);
    const isCurrent = await isWrapped(this.env, stored);
    const wrapped = isCurrent ? null : await wrapKey(this.env, subject, raw);
    // In the meantime.
    if (this.#inForce() !== generation) return null;
    if (wrapped === null) return { generation, raw };
    await writeKeyFile(this.env, subject, generation, wrapped);
    if (this.#inForce() === generation) return { generation, raw };
    await destroyKeyFile(this.env, subject, generation);
    return null;
  }

  #inForce(): number | null {
    if (readSchemaVersion(this.#sql) === 0) return null;
    const [row] = this.#sql
      .exec('SELECT generation FROM keys WHERE stored_at IS NOT NULL AND destroyed_at IS NULL')
      .toArray();
    return row === undefined ? null : Number(row['generation']);
  }

  /** The bytes are there before the key is in force: nothing is sealed with one that is lost. */
  async #make(subject: string): Promise<RawKey> {
    const raw = newRawKey();
    const wrapped = await wrapKey(this.env, subject, raw);
    let generation: number;
    do {
      const row = this.#sql.exec('INSERT INTO keys DEFAULT VALUES RETURNING generation').one();
      generation = Number(row['generation']);
      // A database that was restored does not know the latest numbers.
    } while (await hasKeyFile(this.env, subject, generation));
    await writeKeyFile(this.env, subject, generation, wrapped);
    this.#sql.exec(
      'UPDATE keys SET stored_at = ? WHERE generation = ?',
      ...[Date.now(), generation],
    );
    return { generation, raw };
  }
}
