/** Endpoints for the documents of a collection, and for its search. */
import { z } from 'zod';
import { EngineError } from '../../../engine/base/errors.ts';
import type { StoredDocument } from './object/collection-store.ts';
import { redactedHeaders, redactorFor } from '../../serving/redaction/redact-request.ts';
import { addDocuments } from './documents/add-documents.ts';
import { openDocument } from './documents/open-document.ts';
import { documentJson, findCollection } from './collection.ts';
import { encoderOf, search } from './search-collection.ts';
import {
  addDocumentsSchema,
  addedSchema,
  documentSchema,
  searchResultSchema,
  searchSchema,
} from './schema.ts';
import { defineRetrievalEndpoint } from './env.ts';

const params = { name: 'name of the collection' };
const documentParams = { ...params, id: 'id of the document, percent-encoded' };
const MAX_PAGE = 1000;
const nothing = { name: 'nothing' };

export const addCollectionDocuments = defineRetrievalEndpoint({
  name: 'addCollectionDocuments',
  method: 'POST',
  path: '/v1/collections/:name/documents',
  tag: 'retrieval',
  scope: 'retrieval',
  summary: 'Add documents, replacing those with the same ids',
  description:
    'Documents are added independently: the answer says for each one whether it was added, replaced or failed, ' +
    'and why.',
  params,
  body: addDocumentsSchema,
  responses: [{ status: 200, what: 'the result for each document', schema: addedSchema }],
  examples: [
    {
      title: 'An unknown collection',
      params: nothing,
      body: { documents: [{ id: 'a', content: 'The sea is blue.' }] },
      status: 404,
    },
  ],
  async handle({ env, caller, params: { name = '' }, body, client }) {
    const collection = await findCollection(env, caller, name);
    const model = await encoderOf(env, collection, caller);
    const redactor = redactorFor(body.redact);
    const documents = body.documents.map((document, i) => {
      const name = `documents[${i}]`;
      const open = () => openDocument(env, caller, document, name);
      return { id: document.id, name, contentName: `${name}.content`, open };
    });
    // What fails from here on is said of each document.
    if (redactor === null) client.accept?.();
    const data = await addDocuments(
      ...([env, caller, collection, model, documents, redactor, client] as const),
    );
    const failed = data.filter(({ status }) => status === 'failed').length;
    const init = { headers: redactedHeaders(redactor) };
    return Response.json({ object: 'list', data, failed }, init);
  },
});

export const listCollectionDocuments = defineRetrievalEndpoint({
  name: 'listCollectionDocuments',
  method: 'GET',
  path: '/v1/collections/:name/documents',
  tag: 'retrieval',
  scope: 'retrieval',
  summary: 'List documents in the order they were added',
  params,
  query: { after: 'id of the last document of the previous page' },
  responses: [
    {
      status: 200,
      what: `a page of at most ${MAX_PAGE}`,
      schema: z.strictObject({
        object: z.literal('list'),
        data: z.array(documentSchema),
        has_more: z.boolean(),
      }),
    },
  ],
  examples: [{ title: 'An unknown collection', params: nothing, status: 404 }],
  async handle({ env, caller, params: { name = '' }, request }) {
    const { stub } = await findCollection(env, caller, name);
    const after = new URL(request.url).searchParams.get('after');
    const from = after === null ? 0 : (await findDocument(stub.document(after), after)).number;
    const found: unknown = await stub.documents(from, MAX_PAGE + 1);
    const documents = found as StoredDocument[];
    const data = documents.slice(0, MAX_PAGE).map(documentJson);
    return Response.json({ object: 'list', data, has_more: documents.length > MAX_PAGE });
  },
});

export const getCollectionDocument = defineRetrievalEndpoint({
  name: 'getCollectionDocument',
  method: 'GET',
  path: '/v1/collections/:name/documents/:id',
  tag: 'retrieval',
  scope: 'retrieval',
  summary: 'Get information about a document',
  params: documentParams,
  responses: [{ status: 200, what: 'the document', schema: documentSchema }],
  examples: [{ title: 'An unknown document', params: { ...nothing, id: 'a' }, status: 404 }],
  async handle({ env, caller, params: { name = '', id = '' } }) {
    const { stub } = await findCollection(env, caller, name);
    return Response.json(documentJson(await findDocument(stub.document(id), id)));
  },
});

export const deleteCollectionDocument = defineRetrievalEndpoint({
  name: 'deleteCollectionDocument',
  method: 'DELETE',
  path: '/v1/collections/:name/documents/:id',
  tag: 'retrieval',
  scope: 'retrieval',
  summary: 'Delete a document',
  params: documentParams,
  responses: [
    {
      status: 200,
      what: 'deleted',
      schema: z.strictObject({
        object: z.literal('collection.document.deleted'),
        id: z.string(),
        deleted: z.literal(true),
      }),
    },
  ],
  examples: [{ title: 'An unknown document', params: { ...nothing, id: 'a' }, status: 404 }],
  async handle({ env, caller, params: { name = '', id = '' } }) {
    const { stub } = await findCollection(env, caller, name);
    if (!(await stub.remove(id))) throw documentNotFound(id);
    return Response.json({ object: 'collection.document.deleted', id, deleted: true });
  },
});

export const searchCollectionEndpoint = defineRetrievalEndpoint({
  name: 'searchCollection',
  method: 'POST',
  path: '/v1/collections/:name/search',
  tag: 'retrieval',
  scope: 'retrieval',
  summary: 'Search a collection for passages',
  description:
    'Searches by meaning ("vector"), by words ("text", BM25), or by both, with half of the score from each ("hybrid"). With ' +
    '"image" it searches by a picture, in a collection whose model has an image tower.',
  params,
  body: searchSchema,
  takesPictures: true,
  responses: [
    {
      status: 200,
      what: 'passages, the best first',
      schema: z.strictObject({
        object: z.literal('list'),
        mode: z.string(),
        data: z.array(searchResultSchema),
      }),
    },
  ],
  examples: [
    {
      title: 'An unknown collection',
      params: nothing,
      body: { query: 'sea', mode: 'text', filter: { year: { gte: 2020 } } },
      status: 404,
    },
  ],
  async handle({ env, caller, params: { name = '' }, body, request }) {
    const collection = await findCollection(env, caller, name);
    const data = await search(env, caller, collection, body, request.signal);
    const mode = body.image === undefined ? body.mode : 'vector';
    return Response.json({ object: 'list', mode, data });
  },
});

async function findDocument(asked: PromiseLike<unknown>, id: string): Promise<StoredDocument> {
  const document = await asked;
  if (document === null) throw documentNotFound(id);
  return document as StoredDocument;
}

function documentNotFound(id: string): EngineError {
  return new EngineError(
    'E_NOT_FOUND',
    `id: no document ${JSON.stringify(id.slice(0, 100))} in the collection.`,
    { param: 'id' },
  );
}
