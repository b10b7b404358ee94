/** Endpoints that create, list, read and delete collections. */
import { z } from 'zod';
import { invalidField } from '../../platform/invalid-field.ts';
import type { CollectionState } from './object/collection-object.ts';
import {
  checkName,
  collectionJson,
  collectionNames,
  collectionStub,
  findCollection,
  forgetCollection,
  noteCollection,
} from './collection.ts';
import { findEncoder } from '../../serving/embedding/find-encoder.ts';
import { collectionSchema, createCollectionSchema } from './schema.ts';
import { defineRetrievalEndpoint } from './env.ts';

const params = { name: 'name of the collection' };
const missing = [{ title: 'An unknown collection', params: { name: 'nothing' }, status: 404 }];
/** Tokens of a chunk that are reserved for special tokens. */
const SPECIAL_TOKENS = 2;

export const createCollection = defineRetrievalEndpoint({
  name: 'createCollection',
  method: 'POST',
  path: '/v1/collections',
  tag: 'retrieval',
  scope: 'retrieval',
  summary: 'Create a collection of documents',
  description: 'A collection keeps its embedding model (docs/retrieval.md).',
  body: createCollectionSchema,
  responses: [{ status: 200, what: 'the collection', schema: collectionSchema }],
  examples: [
    {
      title: 'An unknown model',
      body: { name: 'notes', model: 'nothing' },
      status: 404,
    },
  ],
  async handle({ env, caller, body }) {
    const { name } = body;
    const model = await findEncoder(env, body.model, caller);
    const { nEmbd, maxTokens } = model.manifest.config;
    const about = {
      ...{ name, key: crypto.randomUUID(), model: model.id, nEmbd },
      chunkTokens: Math.min(body.chunk_tokens, maxTokens - SPECIAL_TOKENS),
      createdAtMs: Date.now(),
    };
    if (!(await collectionStub(env, caller, name).create(about)))
      throw invalidField(
        'name',
        `collection ${name} exists already. Choose another name, or delete it`,
      );
    await noteCollection(env, caller, name);
    return Response.json(collectionJson({ about, nDocument: 0, nChunk: 0 }));
  },
});

export const listCollections = defineRetrievalEndpoint({
  name: 'listCollections',
  method: 'GET',
  path: '/v1/collections',
  tag: 'retrieval',
  scope: 'retrieval',
  summary: 'List the names of the collections',
  responses: [
    {
      status: 200,
      what: 'the first 1,000, sorted by name',
      schema: z.strictObject({
        object: z.literal('list'),
        data: z.array(z.strictObject({ object: z.literal('collection'), name: z.string() })),
      }),
    },
  ],
  examples: [{ title: 'All collections' }],
  async handle({ env, caller }) {
    const names = await collectionNames(env, caller);
    return Response.json({
      object: 'list',
      data: names.map((name) => ({ object: 'collection', name })),
    });
  },
});

export const getCollection = defineRetrievalEndpoint({
  name: 'getCollection',
  method: 'GET',
  path: '/v1/collections/:name',
  tag: 'retrieval',
  scope: 'retrieval',
  summary: 'Get information about a collection',
  params,
  responses: [{ status: 200, what: 'the collection', schema: collectionSchema }],
  examples: missing,
  async handle({ env, caller, params: { name = '' } }) {
    const { stub, about } = await findCollection(env, caller, name);
    const state: unknown = await stub.read();
    // If it was deleted in the meantime, it is reported as empty.
    return Response.json(
      collectionJson((state as CollectionState | null) ?? { about, nDocument: 0, nChunk: 0 }),
    );
  },
});

export const deleteCollection = defineRetrievalEndpoint({
  name: 'deleteCollection',
  method: 'DELETE',
  path: '/v1/collections/:name',
  tag: 'retrieval',
  scope: 'retrieval',
  summary: 'Delete a collection and its documents',
  params,
  responses: [
    {
      status: 200,
      what: 'deleted',
      schema: z.strictObject({
        object: z.literal('collection.deleted'),
        name: z.string(),
        deleted: z.literal(true),
      }),
    },
  ],
  examples: missing,
  async handle({ env, caller, params: { name = '' } }) {
    const { stub } = await findCollection(env, caller, checkName(name));
    await stub.clear();
    await forgetCollection(env, caller, name);
    return Response.json({ object: 'collection.deleted', name, deleted: true });
  },
});
