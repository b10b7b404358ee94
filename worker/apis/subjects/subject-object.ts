/**
 * A subject's key, and the erasure of everything that it has sealed. The key is destroyed first, so that nothing can
 * be read from then on; objects are deleted in slices, one after the other, and go on after a restart by an alarm.
 */
import { migrateSubject, SubjectKeyObject } from '../../access/content/subject-key-object.ts';
import type { SubjectKeyEnv } from '../../access/content/subject-key-object.ts';
import type { CallContext } from '../../platform/failure.ts';
import { reportFailure } from '../../platform/failure.ts';
import { answerCall } from '../../platform/rpc.ts';
import type { RpcAnswer } from '../../platform/rpc.ts';
import { readSchemaVersion } from '../../platform/storage/migrate.ts';
import { newObjectId } from '../../platform/storage/object-id.ts';
import { nextSweepMs, sweepFiles } from './sweep-files.ts';
import { KEPT_KIND_NAMES, KEPT_KINDS } from './kept-kinds.ts';
import type { KeptContext, KeptKindName } from './kept-kinds.ts';
import type { KeptEnv } from './env.ts';
import type { ReceiptJson } from './schema.ts';

/** Objects that are deleted at the same time. */
const CONCURRENT = 8;
/** Objects a slice deletes: each is one to four subrequests, and a request or alarm has 1,000. */
const SLICE_OBJECTS = 200;
/** How long a request waits for the end; it can take minutes when a turn of a session is running. */
const WAIT_MS = 10_000;
/** When an alarm looks whether a slice has been cut off. */
const RESUME_MS = 30_000;
/** Pause after a slice that failed. */
const RETRY_MS = 5000;

/** Where the object keeps whose it is: alarms do not say. */
const SUBJECT = 'subject';

interface Erasure {
  readonly receipt: ReceiptJson;
  /** Counted, and about to be deleted: cut off, they are deleted first and not counted again. */
  readonly pending: { readonly kind: KeptKindName; readonly names: readonly string[] } | null;
}

const now = (): number => Math.floor(Date.now() / 1000);

export class SubjectObject extends SubjectKeyObject<SubjectKeyEnv & KeptEnv> {
  #running: Promise<void> | null = null;

  /**
   * Erases everything of the subject. Repeated, it tells how far that is, and begins again for what was kept since.
   * @returns the receipt; null when nothing was ever kept
   */
  async erase(call: CallContext, subject: string): Promise<RpcAnswer<ReceiptJson | null>> {
    return await answerCall({ place: 'subject.erase', ...call }, async () => {
      const begun = await this.#begin(subject);
      if (begun === null || begun.status === 'erased') return begun;
      const waited = Promise.withResolvers<void>();
      const timer = setTimeout(() => waited.resolve(), WAIT_MS);
      await Promise.race([this.#run(), waited.promise]).finally(() => clearTimeout(timer));
      return this.#last()?.receipt ?? null;
    });
  }

  /** Whether the subject keeps anything. */
  async keepsAny(call: CallContext, subject: string): Promise<RpcAnswer<boolean>> {
    return await answerCall({ place: 'subject.keepsAny', ...call }, () => this.#keepsAny(subject));
  }

  override async alarm(): Promise<void> {
    if (this.#last()?.receipt.status !== 'erasing') return await this.#sweep();
    await this.ctx.storage.setAlarm(Date.now() + RESUME_MS);
    try {
      await this.#run();
    } catch (error) {
      reportFailure(error, { place: 'subject.alarm', requestId: 'none' });
      await this.ctx.storage.setAlarm(Date.now() + RETRY_MS);
    }
  }

  override async expectFile(subject: string): Promise<void> {
    await this.ctx.storage.put(SUBJECT, subject);
    if ((await this.ctx.storage.getAlarm()) === null)
      await this.ctx.storage.setAlarm(Date.now() + nextSweepMs(this.env, null));
  }

  /** Deletes files whose time is over. A failure is tried again by the platform. */
  async #sweep(): Promise<void> {
    const subject = await this.ctx.storage.get<string>(SUBJECT);
    if (subject === undefined) return;
    const inMs = await sweepFiles(this.#context(subject));
    if (inMs !== null) await this.ctx.storage.setAlarm(Date.now() + inMs);
  }

  async #begin(subject: string): Promise<ReceiptJson | null> {
    const last = this.#last()?.receipt ?? null;
    if (last?.status === 'erasing') return last;
    if (!(await this.#keepsAny(subject))) return last;
    const receipt: ReceiptJson = {
      id: newObjectId('erasure_'),
      object: 'subject.erasure',
      subject,
      status: 'erasing',
      began_at: now(),
      key_destroyed_at: null,
      finished_at: null,
      deleted: { sessions: 0, responses: 0, records: 0, batches: 0, collections: 0, files: 0 },
    };
    this.ctx.storage.transactionSync(() => {
      migrateSubject(this.ctx.storage.sql);
      // Another request may have begun in the meantime.
      if (this.#last()?.receipt.status !== 'erasing')
        this.ctx.storage.sql.exec(
          'INSERT INTO erasures (json) VALUES (?)',
          JSON.stringify({ receipt, pending: null } satisfies Erasure),
        );
    });
    await this.ctx.storage.setAlarm(Date.now() + RESUME_MS);
    return this.#last()?.receipt ?? null;
  }

  /** Runs until all is erased, or a slice is full. */
  #run(): Promise<void> {
    return (this.#running ??= this.#erase().finally(() => (this.#running = null)));
  }

  async #erase(): Promise<void> {
    const erasure = this.#last();
    if (erasure === null) return;
    const { subject } = erasure.receipt;
    if (erasure.receipt.key_destroyed_at === null) {
      await this.destroy(subject);
      // Without a key everything is from before there were keys, and the time is that of the attempt.
      this.#update((found) => withReceipt(found, { key_destroyed_at: now() }));
    }
    const context = this.#context(subject);
    if (erasure.pending !== null) await this.#remove(context, erasure.pending);
    for (let n = 0; n < SLICE_OBJECTS;) {
      const next = await this.#next(context);
      if (next === null) {
        this.#update((found) => withReceipt(found, { status: 'erased', finished_at: now() }));
        await this.ctx.storage.deleteAlarm();
        return;
      }
      n += next.names.length;
      this.#update((found) => withPending(found, next));
      await this.#remove(context, next);
    }
    await this.ctx.storage.setAlarm(Date.now());
  }

  async #remove(
    context: KeptContext,
    { kind, names }: NonNullable<Erasure['pending']>,
  ): Promise<void> {
    await Promise.all(names.map((name) => KEPT_KINDS[kind].remove(context, name)));
    this.#update((found) => ({ ...found, pending: null }));
  }

  /** The next to be deleted, from the first kind again: a request that was still running may have kept something. */
  async #next(context: KeptContext): Promise<Erasure['pending']> {
    for (const kind of KEPT_KIND_NAMES) {
      const names = await KEPT_KINDS[kind].names(context, '', CONCURRENT);
      if (names.length > 0) return { kind, names };
    }
    return null;
  }

  async #keepsAny(subject: string): Promise<boolean> {
    return this.hasKey() || (await this.#next(this.#context(subject))) !== null;
  }

  #context(subject: string): KeptContext {
    return { env: this.env, subject };
  }

  #last(): Erasure | null {
    const { sql } = this.ctx.storage;
    if (readSchemaVersion(sql) === 0) return null;
    const [row] = sql.exec('SELECT json FROM erasures ORDER BY number DESC LIMIT 1').toArray();
    return row === undefined ? null : (JSON.parse(row['json'] as string) as Erasure);
  }

  #update(change: (found: Erasure) => Erasure): void {
    const found = this.#last();
    if (found === null) throw new Error('subject: no erasure to change');
    this.ctx.storage.sql.exec(
      'UPDATE erasures SET json = ? WHERE number = (SELECT MAX(number) FROM erasures)',
      JSON.stringify(change(found)),
    );
  }
}

function withReceipt(erasure: Erasure, changes: Partial<ReceiptJson>): Erasure {
  return { ...erasure, receipt: { ...erasure.receipt, ...changes } };
}

/** Counted before they are deleted, so that each is counted once. */
function withPending(erasure: Erasure, pending: NonNullable<Erasure['pending']>): Erasure {
  const { kind, names } = pending;
  const { deleted } = erasure.receipt;
  const counted = { ...deleted, [kind]: deleted[kind] + names.length };
  return { ...withReceipt(erasure, { deleted: counted }), pending };
}
