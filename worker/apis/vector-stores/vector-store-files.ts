/** Endpoints of the files of vector stores. */
import { EngineError } from '../../../engine/base/errors.ts';
import { deletedJson, deletedRow } from '../../http/deleted.ts';
import { listSchema, pageOf, pageQuery } from '../../http/body/page-query.ts';
import type { Caller } from '../../platform/caller.ts';
import { readRecord, recordStub } from '../records/records.ts';
import { collectionStub } from '../retrieval/collection.ts';
import {
  attributesBodySchema,
  STORE_FILE_REFUSED,
  storeFileBodySchema,
  storeFileSchema,
} from './schema.ts';
import { addFile, fileJson, type KeptFile, type KeptStore, storeFiles } from './vector-store.ts';
import { defineVectorStoreEndpoint, type VectorStoresEnv } from './env.ts';

const path = '/v1/vector_stores/:id/files';
const params = { id: 'id of the vector store' };
const fileParams = { ...params, file: 'id of the file' };
const nothing = { id: 'vs_0', file: 'file-0' };
const missing = { title: 'An unknown vector store', params: nothing, status: 404 };
const row = { status: 200, what: 'the file', schema: storeFileSchema };
const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;

export const addVectorStoreFile = defineVectorStoreEndpoint({
  name: 'addVectorStoreFile',
  method: 'POST',
  path,
  tag: 'retrieval',
  scope: 'retrieval',
  summary: 'Put a file into a vector store',
  description: 'It is read and embedded before the answer; "status" says whether that worked.',
  params,
  body: storeFileBodySchema,
  refused: STORE_FILE_REFUSED,
  responses: [row],
  examples: [{ ...missing, body: { file_id: 'file-0' } }],
  async handle({ env, caller, params: { id = '' }, body, client }) {
    await readRecord<KeptStore>(env, caller, 'vector store', id);
    const { file_id: fileId, attributes = {} } = body;
    return Response.json(fileJson(await addFile(env, caller, id, fileId, attributes, client)));
  },
});

export const listVectorStoreFiles = defineVectorStoreEndpoint({
  name: 'listVectorStoreFiles',
  method: 'GET',
  path,
  tag: 'retrieval',
  scope: 'retrieval',
  summary: 'List the files of a vector store',
  params,
  query: pageQuery('a file', DEFAULT_LIMIT, MAX_LIMIT),
  responses: [{ status: 200, what: 'a page', schema: listSchema(storeFileSchema) }],
  examples: [missing],
  async handle({ env, caller, params: { id = '' }, request }) {
    const files = (await storeFiles(env, caller, id)).map(fileJson);
    const { searchParams } = new URL(request.url);
    return Response.json(pageOf(files, searchParams, DEFAULT_LIMIT, MAX_LIMIT));
  },
});

export const getVectorStoreFile = defineVectorStoreEndpoint({
  name: 'getVectorStoreFile',
  method: 'GET',
  path: `${path}/:file`,
  tag: 'retrieval',
  scope: 'retrieval',
  summary: 'Get a file of a vector store',
  params: fileParams,
  responses: [row],
  examples: [missing],
  handle: async ({ env, caller, params: { id = '', file = '' } }) =>
    Response.json(fileJson(await findFile(env, caller, id, file))),
});

export const updateVectorStoreFile = defineVectorStoreEndpoint({
  name: 'updateVectorStoreFile',
  method: 'POST',
  path: `${path}/:file`,
  tag: 'retrieval',
  scope: 'retrieval',
  summary: 'Replace the attributes of a file of a vector store',
  params: fileParams,
  body: attributesBodySchema,
  responses: [row],
  examples: [{ ...missing, body: { attributes: { year: 2024 } } }],
  async handle({ env, caller, params: { id = '', file = '' }, body, client }) {
    await findFile(env, caller, id, file);
    return Response.json(fileJson(await addFile(env, caller, id, file, body.attributes, client)));
  },
});

export const deleteVectorStoreFile = defineVectorStoreEndpoint({
  name: 'deleteVectorStoreFile',
  method: 'DELETE',
  path: `${path}/:file`,
  tag: 'retrieval',
  scope: 'retrieval',
  summary: 'Take a file out of a vector store; the file itself stays',
  params: fileParams,
  responses: [deletedRow('vector_store.file.deleted')],
  examples: [missing],
  async handle({ env, caller, params: { id = '', file = '' } }) {
    await findFile(env, caller, id, file);
    await collectionStub(env, caller, id).remove(file);
    await recordStub(env, caller, id).removeItem(file);
    return deletedJson('vector_store.file.deleted', file);
  },
});

/** @throws {EngineError} E_NOT_FOUND */
async function findFile(
  env: VectorStoresEnv,
  caller: Caller,
  id: string,
  fileId: string,
): Promise<KeptFile> {
  const found = (await storeFiles(env, caller, id)).find((file) => file.id === fileId);
  if (found !== undefined) return found;
  throw new EngineError(
    'E_NOT_FOUND',
    `file: the vector store has no file ${JSON.stringify(fileId.slice(0, 80))}; list them with GET ${path}.`,
    { param: 'file_id' },
  );
}
