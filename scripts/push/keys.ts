/** Keys in a bucket: made, listed, revoked and rotated. Who owns the bucket owns the deployment. */
import { EngineError } from '../../engine/base/errors.ts';
import {
  hashSecret,
  KEY_ID,
  KEY_INDEX,
  keyIndexText,
  keyPath,
  newKey,
  parseKeyIndex,
  parseKeyRecord,
} from '../../worker/access/key-record.ts';
import type { KeyRecord } from '../../worker/access/key-record.ts';
import type { Scope } from '../../worker/platform/caller.ts';
import { hashBytes } from '../lib/hash-file.ts';
import type { Bucket } from './bucket.ts';

/** Times a change is made again on what somebody else wrote meanwhile. */
const MAX_TRIES = 5;

export interface KeyOptions {
  readonly name: string;
  readonly scopes: readonly Scope[];
  /** Null for all models. */
  readonly models: readonly string[] | null;
  /** The key's id by default. */
  readonly subject?: string;
  readonly expiresAt: Date | null;
  /** Those that differ from the deployment's. */
  readonly limits: KeyRecord['limits'];
}

/** A record, and the key itself: shown once, kept nowhere. */
export interface MadeKey {
  readonly key: string;
  readonly record: KeyRecord;
}

/** @throws {EngineError} E_BUSY when others are always faster */
export async function createKey(
  bucket: Bucket,
  { name, scopes, models, subject, expiresAt, limits }: KeyOptions,
  nowMs: number = Date.now(),
): Promise<MadeKey> {
  const { id, secret, text } = newKey();
  const record: KeyRecord = {
    version: 1,
    id,
    name,
    subject: subject ?? id,
    secretHash: await hashSecret(secret),
    previous: null,
    scopes: [...scopes],
    models: models === null ? null : [...models],
    createdAt: new Date(nowMs).toISOString(),
    expiresAt: expiresAt?.toISOString() ?? null,
    revokedAt: null,
    limits,
  };
  // The list comes first: a key that is not in it could not be found to be revoked.
  await change(bucket, KEY_INDEX, (before) => keyIndexText([...parseKeyIndex(before), id]));
  await change(bucket, keyPath(id), () => recordText(record));
  return { key: text, record };
}

/** All keys, the oldest first, revoked ones, too. @throws {EngineError} E_FORMAT_INVALID */
export async function listKeys(bucket: Bucket): Promise<KeyRecord[]> {
  const ids = parseKeyIndex(await bucket.getText(KEY_INDEX));
  const texts = [];
  // One after the other: wrangler writes each into one file.
  for (const id of ids) texts.push([keyPath(id), await bucket.getText(keyPath(id))] as const);
  return texts.flatMap(([path, text]) => (text === null ? [] : [parseKeyRecord(text, path)]));
}

/** A revoked key stays in the list, and is never in force again. @throws {EngineError} E_USAGE for an unknown id */
export async function revokeKey(
  bucket: Bucket,
  id: string,
  nowMs: number = Date.now(),
): Promise<KeyRecord> {
  return await changeKey(bucket, id, (record) => ({
    ...record,
    revokedAt: record.revokedAt ?? new Date(nowMs).toISOString(),
    previous: null,
  }));
}

/**
 * Gives a key another secret; the one before stays in force for `overlapMs`.
 * @throws {EngineError} E_USAGE for an unknown id, or a key that was revoked
 */
export async function rotateKey(
  bucket: Bucket,
  id: string,
  overlapMs: number,
  nowMs: number = Date.now(),
): Promise<MadeKey> {
  const { secret, text } = newKey(id);
  const secretHash = await hashSecret(secret);
  const record = await changeKey(bucket, id, (before) => {
    if (before.revokedAt !== null)
      throw new EngineError(
        'E_USAGE',
        `keys: ${id} was revoked at ${before.revokedAt}. Create another: thimble keys create --name NAME.`,
      );
    const endsAt = new Date(nowMs + overlapMs).toISOString();
    const previous = overlapMs === 0 ? null : { secretHash: before.secretHash, endsAt };
    return { ...before, secretHash, previous };
  });
  return { key: text, record };
}

async function changeKey(
  bucket: Bucket,
  id: string,
  update: (record: KeyRecord) => KeyRecord,
): Promise<KeyRecord> {
  if (!KEY_ID.test(id)) throw unknownKey(id);
  const path = keyPath(id);
  const text = await change(bucket, path, (before) => {
    if (before === null) throw unknownKey(id);
    return recordText(update(parseKeyRecord(before, path)));
  });
  return parseKeyRecord(text, path);
}

/** Of two changes at the same time the later is made on the result of the earlier. */
async function change(
  bucket: Bucket,
  path: string,
  update: (before: string | null) => string,
): Promise<string> {
  for (let i = 0; i < MAX_TRIES; i++) {
    const before = await bucket.getText(path);
    const after = update(before);
    const bytes = new TextEncoder().encode(after);
    if (await bucket.putIfSame(path, bytes, hashBytes(bytes), before)) return after;
  }
  throw new EngineError(
    'E_BUSY',
    `keys: others changed ${path} ${MAX_TRIES} times meanwhile. Try again.`,
  );
}

function recordText(record: KeyRecord): string {
  const text = `${JSON.stringify(record, null, 1)}\n`;
  // What is written is what the server will accept.
  parseKeyRecord(text, keyPath(record.id));
  return text;
}

function unknownKey(id: string): EngineError {
  return new EngineError(
    'E_USAGE',
    `keys: no key ${JSON.stringify(id.slice(0, 80))}; expected an id that thimble keys list shows.`,
  );
}
