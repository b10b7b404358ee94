/**
 * A vector store is a collection of the same name and a record: the collection has the passages, and the record what
 * OpenAI's API knows of the store and, as items, of its files.
 */
import type { Caller } from '../../platform/caller.ts';
import type { Client } from '../../platform/client.ts';
import { newObjectId } from '../../platform/storage/object-id.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { findEncoder } from '../../serving/embedding/find-encoder.ts';
import { fileNotFound, headFile, openFile } from '../files/stored-file.ts';
import {
  appendItems,
  readItems,
  readRecord,
  RECORD_KINDS,
  recordStub,
  writeRecord,
} from '../records/records.ts';
import {
  collectionStub,
  findCollection,
  forgetCollection,
  noteCollection,
} from '../retrieval/collection.ts';
import { readUpload } from '../retrieval/documents/open-document.ts';
import type { OpenDocument } from '../retrieval/documents/open-document.ts';
import { addDocuments } from '../retrieval/documents/add-documents.ts';
import type { Filter, Metadata } from '../retrieval/object/filter.ts';
import { encoderOf, search } from '../retrieval/search-collection.ts';
import type { VectorStoresEnv } from './env.ts';
import type { StoreFilters } from '../../serving/fields/file-search.ts';
import type { StoreFileJson, StoreResult, VectorStoreJson } from './schema.ts';

const DEFAULT_CHUNK_TOKENS = 128;
/** Tokens of a chunk that are reserved for special tokens. */
const SPECIAL_TOKENS = 2;

/** What is stored of a file. */
export interface KeptFile extends StoreFileJson {
  readonly filename: string;
}

/** What is stored of a store: counts follow from its files. */
export type KeptStore = Omit<VectorStoreJson, 'usage_bytes' | 'file_counts' | 'status'>;

const nowS = (): number => Math.floor(Date.now() / 1000);

export interface NewStore {
  readonly name?: string | undefined;
  readonly description?: string | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
  readonly model?: string | undefined;
  readonly chunkTokens?: number | undefined;
}

/** @throws {EngineError} E_MODEL_NOT_FOUND where no model embeds */
export async function createStore(
  env: VectorStoresEnv,
  caller: Caller,
  { name = '', description, metadata = {}, model: modelId, chunkTokens }: NewStore,
): Promise<KeptStore> {
  const id = newObjectId(RECORD_KINDS['vector store']);
  const model = await findEncoder(env, modelId, caller);
  const { nEmbd, maxTokens } = model.manifest.config;
  const store: KeptStore = {
    ...{ id, object: 'vector_store', created_at: nowS(), name },
    ...(description === undefined ? {} : { description }),
    ...{ expires_at: null, last_active_at: nowS(), metadata: { ...metadata } },
  };
  await writeRecord(env, caller, id, store, []);
  await noteCollection(env, caller, id);
  await collectionStub(env, caller, id).create({
    ...{ name: id, key: crypto.randomUUID(), model: model.id, nEmbd, createdAtMs: Date.now() },
    chunkTokens: Math.min(chunkTokens ?? DEFAULT_CHUNK_TOKENS, maxTokens - SPECIAL_TOKENS),
  });
  return store;
}

export function storeJson(store: KeptStore, files: readonly KeptFile[]): VectorStoreJson {
  const completed = files.filter(({ status }) => status === 'completed').length;
  const total = files.length;
  return {
    ...store,
    usage_bytes: files.reduce((sum, file) => sum + file.usage_bytes, 0),
    file_counts: { in_progress: 0, completed, failed: total - completed, cancelled: 0, total },
    status: 'completed',
  };
}

/** @throws {EngineError} E_NOT_FOUND */
export async function readStore(
  env: VectorStoresEnv,
  caller: Caller,
  id: string,
): Promise<VectorStoreJson> {
  const store = await readRecord<KeptStore>(env, caller, 'vector store', id);
  return storeJson(store, await storeFiles(env, caller, id));
}

/** @throws {EngineError} E_NOT_FOUND */
export const storeFiles = (env: VectorStoresEnv, caller: Caller, id: string): Promise<KeptFile[]> =>
  readItems<KeptFile>(env, caller, 'vector store', id);

export async function clearStore(env: VectorStoresEnv, caller: Caller, id: string): Promise<void> {
  await collectionStub(env, caller, id).clear();
  await forgetCollection(env, caller, id);
}

export function fileJson({ filename: _, ...file }: KeptFile): StoreFileJson {
  return file;
}

/**
 * Reads a file, cuts it into passages and embeds them; a file that cannot be used is kept as failed.
 * @throws {EngineError} E_REQUEST_INVALID for an unknown file
 */
export async function addFile(
  env: VectorStoresEnv,
  caller: Caller,
  storeId: string,
  fileId: string,
  attributes: Metadata,
  client: Client,
): Promise<KeptFile> {
  const head = await headFile(env.FILES, caller, fileId);
  if (head === null)
    throw invalidField(
      'file_id',
      `expected the id of a file of /v1/files, got ${fileId.slice(0, 80)}`,
    );
  const collection = await findCollection(env, caller, storeId, 'vector_store_id');
  const source = {
    ...{ id: fileId, name: 'file_id', contentName: 'file_id' },
    open: () => openStored(env, caller, fileId, head.filename, attributes),
  };
  const model = await encoderOf(env, collection, caller);
  const [added] = await addDocuments(env, caller, collection, model, [source], null, client);
  const error = lastError(added?.error);
  const file: KeptFile = {
    ...{ id: fileId, object: 'vector_store.file' as const, created_at: nowS() },
    ...{ vector_store_id: storeId, filename: head.filename, attributes },
    ...{ usage_bytes: error === null ? head.bytes : 0, last_error: error },
    status: error === null ? 'completed' : 'failed',
  };
  await recordStub(env, caller, storeId).removeItem(fileId);
  await appendItems(env, caller, 'vector store', storeId, [file]);
  return file;
}

/** @throws {EngineError} E_REQUEST_INVALID, E_BODY_TOO_LARGE, E_BUSY; E_BACKEND_UNAVAILABLE */
async function openStored(
  env: VectorStoresEnv,
  caller: Caller,
  id: string,
  filename: string,
  metadata: Metadata,
): Promise<OpenDocument> {
  const stream = await openFile(env, caller, id);
  if (stream === null) throw fileNotFound(id);
  // Only streams of bytes pass between scripts.
  const bytes = stream.pipeThrough(new IdentityTransformStream());
  return { id, metadata, ...(await readUpload(env, caller, filename, bytes, 'file_id')) };
}

/** Errors of the file itself; others may be gone the next time. */
const FILE_ERRORS: ReadonlySet<string> = new Set(['E_REQUEST_INVALID', 'E_BODY_TOO_LARGE']);

function lastError(
  error: { readonly code: string; readonly message: string } | undefined,
): StoreFileJson['last_error'] {
  if (error === undefined) return null;
  const code = FILE_ERRORS.has(error.code) ? 'invalid_file' : 'server_error';
  return { code, message: error.message };
}

export interface StoreQuery {
  readonly queries: readonly string[];
  readonly filters: StoreFilters;
  readonly nResult: number;
  readonly threshold: number;
}

/** Passages of a store, the best first. @throws {EngineError} E_NOT_FOUND, E_REQUEST_INVALID */
export async function searchStore(
  env: VectorStoresEnv,
  caller: Caller,
  storeId: string,
  { queries, filters, nResult, threshold }: StoreQuery,
  signal: AbortSignal,
): Promise<StoreResult[]> {
  const files = new Map((await storeFiles(env, caller, storeId)).map((file) => [file.id, file]));
  const collection = await findCollection(env, caller, storeId, 'vector_store_id');
  const filter = filterOf(filters);
  const best = new Map<string, StoreResult>();
  for (const query of queries) {
    // By meaning alone: its scores are cosines, which thresholds are about.
    const request = { query, mode: 'vector', top_k: nResult, filter } as const;
    for (const one of await search(env, caller, collection, request, signal)) {
      const score = Math.min(Math.max(one.score, 0), 1);
      const key = `${one.document}/${one.chunk}`;
      if (score < threshold || score <= (best.get(key)?.score ?? -1)) continue;
      best.set(key, {
        ...{ file_id: one.document, filename: files.get(one.document)?.filename ?? '', score },
        ...{ attributes: one.metadata, content: [{ type: 'text', text: one.text }] },
      });
    }
  }
  return [...best.values()].sort((a, b) => b.score - a.score).slice(0, nResult);
}

function filterOf(filters: StoreFilters): Filter | undefined {
  if (filters === undefined) return undefined;
  const all = filters.type === 'and' ? filters.filters : [filters];
  const conditions: Record<string, Record<string, unknown>> = {};
  for (const { type, key, value } of all) conditions[key] = { ...conditions[key], [type]: value };
  return conditions;
}
