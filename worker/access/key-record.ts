/** What the bucket keeps of a key: never the key itself, only the hash of its secret. */
import { z } from 'zod';
import { EngineError } from '../../engine/base/errors.ts';
import { sha256Hex } from '../../engine/base/sha256.ts';
import { SCOPES } from '../platform/caller.ts';
import { ownLimitsSchema } from './limits.ts';

export const KEYS_PREFIX = 'access/keys/';
/** Ids of all keys: not every bucket can list what it holds. */
export const KEY_INDEX = 'access/index.json';
export const KEY_ID = /^[0-9a-f]{16}$/;
/** How long a server believes a record: a revocation is in force after this time. */
export const RECORD_MS = 10_000;
export const MAX_SUBJECT_CHARS = 200;

const N_ID_BYTE = 8;
const N_SECRET_BYTE = 32;
/** 32 bytes are 43 characters of base64url. */
const KEY_TEXT = /^thk_([0-9a-f]{16})_([A-Za-z0-9_-]{43})$/;

const hash = z.string().regex(/^[0-9a-f]{64}$/);
const time = z.iso.datetime();

export const keyRecordSchema = z.strictObject({
  version: z.literal(1),
  id: z.string().regex(KEY_ID),
  name: z.string().min(1).max(200),
  /** Who owns what is kept for the key. */
  subject: z.string().min(1).max(MAX_SUBJECT_CHARS),
  /** SHA-256 of the secret, in hexadecimal digits. */
  secretHash: hash,
  /** The secret before the last rotation, and when it ends. */
  previous: z.strictObject({ secretHash: hash, endsAt: time }).nullable(),
  scopes: z.array(z.enum(SCOPES)),
  /** Ids or aliases of models; null for all. */
  models: z.array(z.string()).nullable(),
  createdAt: time,
  expiresAt: time.nullable(),
  revokedAt: time.nullable(),
  /** Limits that differ from the deployment's. */
  limits: ownLimitsSchema.nullable(),
});

export type KeyRecord = z.output<typeof keyRecordSchema>;

const indexSchema = z.strictObject({
  version: z.literal(1),
  ids: z.array(z.string().regex(KEY_ID)),
});

export interface KeyText {
  readonly id: string;
  readonly secret: string;
}

/** Name of the object that holds a key's record. */
export function keyPath(id: string): string {
  return `${KEYS_PREFIX}${id}.json`;
}

/** Whether the name of an account is a key's id. */
export function isKeyId(account: string): boolean {
  return KEY_ID.test(account);
}

/** A key's parts; null for what no key looks like. */
export function parseKey(text: string): KeyText | null {
  const [, id, secret] = KEY_TEXT.exec(text) ?? [];
  return id === undefined || secret === undefined ? null : { id, secret };
}

/** A new key of random bytes. @param id of a key that gets another secret */
export function newKey(id = hex(randomBytes(N_ID_BYTE))): KeyText & { readonly text: string } {
  const secret = base64Url(randomBytes(N_SECRET_BYTE));
  return { id, secret, text: `thk_${id}_${secret}` };
}

export async function hashSecret(secret: string): Promise<string> {
  return await sha256Hex(new Uint8Array(new TextEncoder().encode(secret)));
}

/** @throws {EngineError} E_FORMAT_INVALID naming the object and the field */
export function parseKeyRecord(text: string, path: string): KeyRecord {
  return parseStored(text, path, keyRecordSchema);
}

/** Ids of all keys, the oldest first; none where no key was ever made. */
export function parseKeyIndex(text: string | null): readonly string[] {
  return text === null ? [] : parseStored(text, KEY_INDEX, indexSchema).ids;
}

export function keyIndexText(ids: readonly string[]): string {
  return `${JSON.stringify({ version: 1, ids }, null, 1)}\n`;
}

/** Whether `hash` is that of a secret which is in force. Compares in constant time. */
export function isSecretOf(record: KeyRecord, hash: string, nowMs: number): boolean {
  const { secretHash, previous } = record;
  const isNow = equalTexts(hash, secretHash);
  const wasBefore = previous !== null && equalTexts(hash, previous.secretHash);
  return isNow || (wasBefore && nowMs < Date.parse(previous.endsAt));
}

/** Whether a key was neither revoked nor has expired. */
export function isInForce({ expiresAt, revokedAt }: KeyRecord, nowMs: number): boolean {
  return revokedAt === null && (expiresAt === null || nowMs < Date.parse(expiresAt));
}

/** In a time that does not depend on where two texts of one length differ. */
function equalTexts(a: string, b: string): boolean {
  let difference = a.length ^ b.length;
  for (let i = 0; i < a.length; i++) difference |= a.charCodeAt(i) ^ b.charCodeAt(i);
  return difference === 0;
}

function parseStored<T>(text: string, path: string, schema: z.ZodType<T>): T {
  const found = schema.safeParse(parseJsonOrNull(text));
  if (found.success) return found.data;
  const [issue] = found.error.issues;
  const field = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
  throw new EngineError(
    'E_FORMAT_INVALID',
    `${path}: ${field}${issue?.message ?? 'is invalid'}. Revoke the key and create another with this version of thimble.`,
    { details: { path } },
  );
}

function parseJsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function randomBytes(length: number): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(length));
}

function hex(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function base64Url(bytes: Uint8Array): string {
  const text = btoa(String.fromCharCode(...bytes));
  return text.replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '');
}
