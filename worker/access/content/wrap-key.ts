/**
 * Wraps subjects' keys with the deployment's secret (CONTENT_KEY), so that a copy of all databases opens nothing
 * without it.
 */
import { EngineError } from '../../../engine/base/errors.ts';
import { contentKeyOf, open, RAW_KEY_BYTES, seal } from '../../platform/storage/seal.ts';
import type { ContentKey } from '../../platform/storage/seal.ts';

export const MIN_SECRET_CHARS = 32;
/** Letters of a secret's hash that name it beside what it wraps. */
const NAME_CHARS = 16;
const NO_GENERATION = 0;

export interface WrapVars {
  /** Secrets of at least 32 characters, separated by commas: the first wraps, all of them unwrap. */
  readonly CONTENT_KEY?: string;
}

/** A subject's key as it is stored. */
export interface StoredKey {
  readonly bytes: Uint8Array;
  /** Name of the secret that wraps it; null for none. */
  readonly wrappedBy: string | null;
}

/** @throws {EngineError} E_CONTENT_KEY for a secret that is too short */
export async function wrapKey(
  { CONTENT_KEY }: WrapVars,
  subject: string,
  raw: Uint8Array,
): Promise<StoredKey> {
  const [secret] = secretsOf(CONTENT_KEY);
  if (secret === undefined) return { bytes: raw, wrappedBy: null };
  const sealed = await seal(await wrappingKey(secret), identityOf(subject), raw);
  return { bytes: new Uint8Array(sealed), wrappedBy: await nameOf(secret) };
}

/** @throws {EngineError} E_CONTENT_KEY when the secret that wraps the key is missing */
export async function unwrapKey(
  { CONTENT_KEY }: WrapVars,
  subject: string,
  { bytes, wrappedBy }: StoredKey,
): Promise<Uint8Array> {
  if (wrappedBy === null) return bytes;
  for (const secret of secretsOf(CONTENT_KEY))
    if ((await nameOf(secret)) === wrappedBy)
      return await open(await wrappingKey(secret), identityOf(subject), bytes);
  throw new EngineError(
    'E_CONTENT_KEY',
    'CONTENT_KEY: expected the secret that keys of subjects are wrapped with, got another or none. ' +
      'Add it after a comma: wrangler secret put CONTENT_KEY',
  );
}

/** Whether a key is stored as the variables ask for. */
export async function isWrapped({ CONTENT_KEY }: WrapVars, stored: StoredKey): Promise<boolean> {
  const [secret] = secretsOf(CONTENT_KEY);
  return secret === undefined || stored.wrappedBy === (await nameOf(secret));
}

export function newRawKey(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(RAW_KEY_BYTES));
}

function secretsOf(text = ''): string[] {
  const all = text.split(',').map((secret) => secret.trim());
  const secrets = all.filter((secret) => secret !== '');
  const short = secrets.find((secret) => secret.length < MIN_SECRET_CHARS);
  if (short === undefined) return secrets;
  throw new EngineError(
    'E_CONTENT_KEY',
    `CONTENT_KEY: expected at least ${MIN_SECRET_CHARS} characters, got ${short.length}. ` +
      'Make one with: openssl rand -base64 32',
  );
}

async function wrappingKey(secret: string): Promise<ContentKey> {
  return await contentKeyOf(NO_GENERATION, new TextEncoder().encode(secret));
}

/** Tells nothing of a secret, which is random. */
async function nameOf(secret: string): Promise<string> {
  const bytes = new TextEncoder().encode(`thimble secret ${secret}`);
  const hash = new Uint8Array(await crypto.subtle.digest('SHA-256', bytes));
  return Array.from(hash, (byte) => byte.toString(16).padStart(2, '0'))
    .join('')
    .slice(0, NAME_CHARS);
}

const identityOf = (subject: string): string => `key/${encodeURIComponent(subject)}`;
