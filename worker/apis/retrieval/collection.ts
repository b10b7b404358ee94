/** The gateway's access to collections: objects by checked name, and a list in a bucket. */
import type { Caller } from '../../platform/caller.ts';
import { objectName } from '../../platform/caller.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { retryStorage } from '../../platform/storage/retry-storage.ts';
import type { CollectionObject, CollectionState } from './object/collection-object.ts';
import type { CollectionAbout, StoredDocument } from './object/collection-store.ts';
import type { FilesEnv } from '../files/env.ts';
import type { CollectionsEnv } from './env.ts';

export const NAME_PATTERN = /^[a-z0-9][a-z0-9_-]{0,62}$/;
const LIST_PREFIX = 'collections/';
export const MAX_LISTED = 1000;

type Stub = DurableObjectStub<CollectionObject>;

export interface Collection {
  readonly stub: Stub;
  readonly about: CollectionAbout;
}

/** @throws {EngineError} E_REQUEST_INVALID */
export function checkName(name: string, param = 'name'): string {
  if (NAME_PATTERN.test(name)) return name;
  throw invalidField(
    param,
    `expected 1 to 63 lower-case letters, digits, "-" or "_", starting with a letter or digit, got ` +
      `${JSON.stringify(name.slice(0, 80))}`,
  );
}

export function collectionStub(env: CollectionsEnv, caller: Caller, name: string): Stub {
  return env.COLLECTIONS.getByName(objectName(caller, name));
}

/** @throws {EngineError} E_REQUEST_INVALID for an invalid name, E_NOT_FOUND. */
export async function findCollection(
  env: CollectionsEnv,
  caller: Caller,
  name: string,
  param = 'name',
): Promise<Collection> {
  const stub = collectionStub(env, caller, checkName(name, param));
  const about: unknown = await stub.about();
  if (about !== null) return { stub, about: about as CollectionAbout };
  throw new EngineError(
    'E_NOT_FOUND',
    `${param}: no collection ${JSON.stringify(name)}. Create one with POST /v1/collections.`,
    { param },
  );
}

export async function noteCollection(env: FilesEnv, caller: Caller, name: string): Promise<void> {
  const key = LIST_PREFIX + objectName(caller, name);
  await retryStorage(key, () => env.FILES.put(key, name));
}

export async function forgetCollection(env: FilesEnv, caller: Caller, name: string): Promise<void> {
  const key = LIST_PREFIX + objectName(caller, name);
  await retryStorage(key, () => env.FILES.delete(key));
}

/** @param after a name, after which the list begins */
export async function collectionNames(
  env: FilesEnv,
  caller: Caller,
  { after = '', limit = MAX_LISTED }: { readonly after?: string; readonly limit?: number } = {},
): Promise<string[]> {
  const prefix = LIST_PREFIX + objectName(caller, '');
  const { objects } = await retryStorage('list of collections', () =>
    env.FILES.list({ prefix, limit, ...(after === '' ? {} : { startAfter: prefix + after }) }),
  );
  return objects.map(({ key }) => key.slice(prefix.length));
}

export function collectionJson({ about, nDocument, nChunk }: CollectionState) {
  return {
    object: 'collection' as const,
    name: about.name,
    model: about.model,
    dimensions: about.nEmbd,
    chunk_tokens: about.chunkTokens,
    created_at: Math.floor(about.createdAtMs / 1000),
    documents: nDocument,
    chunks: nChunk,
  };
}

export function documentJson({ id, metadata, nChar, nChunk, createdAtMs }: StoredDocument) {
  return {
    object: 'collection.document' as const,
    id,
    metadata,
    characters: nChar,
    chunks: nChunk,
    created_at: Math.floor(createdAtMs / 1000),
  };
}
