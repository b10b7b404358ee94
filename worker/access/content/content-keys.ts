/** Keys of subjects' content, asked of their objects and kept in the isolate for a bounded time. */
import { RecentCache } from '../../../engine/base/recent-cache.ts';
import type { CallContext } from '../../platform/failure.ts';
import { ask } from '../../platform/rpc.ts';
import { contentKeyOf } from '../../platform/storage/seal.ts';
import type { ContentKey } from '../../platform/storage/seal.ts';
import type { KeyFilesEnv } from './key-file.ts';
import type { RetentionVars } from './retention.ts';
import type { WrapVars } from './wrap-key.ts';
import type { RawKey, SubjectKeyObject } from './subject-key-object.ts';

export interface ContentEnv extends RetentionVars, WrapVars, KeyFilesEnv {
  readonly SUBJECT_KEYS: DurableObjectNamespace<SubjectKeyObject>;
}

/** Whose content it is, and the request that asks. */
export interface Owner extends CallContext {
  readonly subject: string;
}

/** How long a key that was destroyed may still open content in an isolate that had it. */
export const KEY_CACHE_MS = 30_000;
const MAX_CACHED_KEYS = 1000;
const SCRIPT = 'subject keys';

const cache = new RecentCache<string, { readonly key: ContentKey; readonly untilMs: number }>({
  maxEntries: MAX_CACHED_KEYS,
});

/** The key that new content is sealed with; made when there is none. */
export async function keyForWriting(env: ContentEnv, owner: Owner): Promise<ContentKey> {
  return cachedKey(owner) ?? (await obtain(env, owner));
}

/** The key that is in force; null when there is none. */
export async function findKey(env: ContentEnv, owner: Owner): Promise<ContentKey | null> {
  return cachedKey(owner) ?? (await fetchKey(env, owner));
}

/** The key with the number `generation`; null when it has been destroyed. */
export async function keyForReading(
  env: ContentEnv,
  owner: Owner,
  generation: number,
): Promise<ContentKey | null> {
  const known = cachedKey(owner);
  if (known?.generation === generation) return known;
  const key = await fetchKey(env, owner);
  return key?.generation === generation ? key : null;
}

async function fetchKey(
  env: ContentEnv,
  { subject, requestId }: Owner,
): Promise<ContentKey | null> {
  const found = await ask<RawKey | null>(SCRIPT, () =>
    env.SUBJECT_KEYS.getByName(subject).find({ requestId }, subject),
  );
  return found === null ? null : await keep(subject, found);
}

/** Forgets a key that was destroyed, in this isolate; others do within KEY_CACHE_MS. */
export function dropKey(subject: string): void {
  cache.delete(subject);
}

function cachedKey({ subject }: Owner): ContentKey | null {
  const found = cache.get(subject);
  return found !== undefined && Date.now() < found.untilMs ? found.key : null;
}

async function obtain(env: ContentEnv, { subject, requestId }: Owner): Promise<ContentKey> {
  const given = await ask<RawKey>(SCRIPT, () =>
    env.SUBJECT_KEYS.getByName(subject).obtain({ requestId }, subject),
  );
  return await keep(subject, given);
}

async function keep(subject: string, { generation, raw }: RawKey): Promise<ContentKey> {
  const key = await contentKeyOf(generation, raw);
  cache.set(subject, { key, untilMs: Date.now() + KEY_CACHE_MS });
  return key;
}
