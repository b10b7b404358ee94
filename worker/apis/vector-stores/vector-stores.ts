/** Endpoints that create, list, read, change, search and delete vector stores. */
import { deletedJson, deletedRow } from '../../http/deleted.ts';
import {
  listJson,
  listSchema,
  readAfter,
  readLimit,
  wrongQuery,
} from '../../http/body/page-query.ts';
import {
  isRecordId,
  readRecord,
  recordIds,
  recordStub,
  removeRecord,
  updateRecord,
} from '../records/records.ts';
import {
  searchStoreSchema,
  SEARCH_REFUSED,
  STORE_REFUSED,
  storeResultsSchema,
  updateVectorStoreSchema,
  vectorStoreBodySchema,
  vectorStoreSchema,
} from './schema.ts';
import {
  addFile,
  clearStore,
  createStore,
  type KeptFile,
  type KeptStore,
  readStore,
  searchStore,
  storeFiles,
  storeJson,
} from './vector-store.ts';
import { defineVectorStoreEndpoint } from './env.ts';

const path = '/v1/vector_stores/:id';
const params = { id: 'id of the vector store' };
const missing = { title: 'An unknown vector store', params: { id: 'vs_0' }, status: 404 };
const row = { status: 200, what: 'the vector store', schema: vectorStoreSchema };
const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;

export const createVectorStore = defineVectorStoreEndpoint({
  name: 'createVectorStore',
  method: 'POST',
  path: '/v1/vector_stores',
  tag: 'retrieval',
  scope: 'retrieval',
  summary: 'Create a vector store',
  description:
    "OpenAI's API over a collection, which has the store's id as its name (docs/retrieval.md). Files are those that " +
    'collections take; they are read and embedded before the answer.',
  body: vectorStoreBodySchema,
  refused: STORE_REFUSED,
  responses: [row],
  examples: [{ title: 'An unknown model', body: { model: 'nothing' }, status: 404 }],
  async handle({ env, caller, body, client }) {
    const { name, description, metadata, model, chunking_strategy: chunking } = body;
    const chunkTokens =
      chunking?.type === 'static' ? chunking.static.max_chunk_size_tokens : undefined;
    const store = await createStore(env, caller, {
      name,
      description,
      metadata,
      model,
      chunkTokens,
    });
    const files: KeptFile[] = [];
    for (const fileId of body.file_ids ?? [])
      files.push(await addFile(env, caller, store.id, fileId, {}, client));
    return Response.json(storeJson(store, files));
  },
});

export const listVectorStores = defineVectorStoreEndpoint({
  name: 'listVectorStores',
  method: 'GET',
  path: '/v1/vector_stores',
  tag: 'retrieval',
  scope: 'retrieval',
  summary: 'List vector stores, the newest first',
  query: {
    limit: `1 to ${MAX_LIMIT}; default ${DEFAULT_LIMIT}`,
    order: '"desc", the only order',
    after: 'id of a vector store, after which the list begins',
  },
  responses: [{ status: 200, what: 'a page', schema: listSchema(vectorStoreSchema) }],
  examples: [{ title: 'The newest', query: 'limit=2' }],
  async handle({ env, caller, request }) {
    const { searchParams: query } = new URL(request.url);
    const limit = readLimit(query, DEFAULT_LIMIT, MAX_LIMIT);
    const order = query.get('order') ?? 'desc';
    if (order !== 'desc') throw wrongQuery('order', 'expected "desc"', order);
    const after = readAfter(query, (id) => isRecordId('vector store', id)) ?? '';
    const ids = await recordIds(env, caller, 'vector store', after, limit + 1);
    const stores = [];
    for (const id of ids.slice(0, limit)) {
      const text = await recordStub(env, caller, id).read();
      if (text === null) continue;
      stores.push(storeJson(JSON.parse(text) as KeptStore, await storeFiles(env, caller, id)));
    }
    return Response.json(listJson(stores, ids.length > limit));
  },
});

export const getVectorStore = defineVectorStoreEndpoint({
  name: 'getVectorStore',
  method: 'GET',
  path,
  tag: 'retrieval',
  scope: 'retrieval',
  summary: 'Get a vector store',
  params,
  responses: [row],
  examples: [missing],
  handle: async ({ env, caller, params: { id = '' } }) =>
    Response.json(await readStore(env, caller, id)),
});

export const updateVectorStore = defineVectorStoreEndpoint({
  name: 'updateVectorStore',
  method: 'POST',
  path,
  tag: 'retrieval',
  scope: 'retrieval',
  summary: 'Change the name or the metadata of a vector store',
  params,
  body: updateVectorStoreSchema,
  refused: STORE_REFUSED,
  responses: [row],
  examples: [{ ...missing, body: { name: 'notes' } }],
  async handle({ env, caller, params: { id = '' }, body }) {
    const found = await readRecord<KeptStore>(env, caller, 'vector store', id);
    const { name = found.name, metadata = found.metadata } = body;
    await updateRecord(env, caller, 'vector store', id, { ...found, name, metadata });
    return Response.json(await readStore(env, caller, id));
  },
});

export const deleteVectorStore = defineVectorStoreEndpoint({
  name: 'deleteVectorStore',
  method: 'DELETE',
  path,
  tag: 'retrieval',
  scope: 'retrieval',
  summary: 'Delete a vector store and its passages; the files stay',
  params,
  responses: [deletedRow('vector_store.deleted')],
  examples: [missing],
  async handle({ env, caller, params: { id = '' } }) {
    await readRecord<KeptStore>(env, caller, 'vector store', id);
    await clearStore(env, caller, id);
    await removeRecord(env, caller, 'vector store', id);
    return deletedJson('vector_store.deleted', id);
  },
});

export const searchVectorStore = defineVectorStoreEndpoint({
  name: 'searchVectorStore',
  method: 'POST',
  path: `${path}/search`,
  tag: 'retrieval',
  scope: 'retrieval',
  summary: 'Search a vector store for passages',
  params,
  body: searchStoreSchema,
  refused: SEARCH_REFUSED,
  responses: [{ status: 200, what: 'passages, the best first', schema: storeResultsSchema }],
  examples: [{ ...missing, body: { query: 'sea' } }],
  async handle({ env, caller, params: { id = '' }, body, request }) {
    const query = {
      ...{ queries: body.query, filters: body.filters, nResult: body.max_num_results },
      threshold: body.ranking_options?.score_threshold ?? 0,
    };
    const data = await searchStore(env, caller, id, query, request.signal);
    return Response.json({
      ...{ object: 'vector_store.search_results.page', search_query: body.query, data },
      ...{ has_more: false, next_page: null },
    });
  },
});
