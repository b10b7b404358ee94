/** Collections: make, list, read, delete. */
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

const params = { name: 'of the collection' };
const missing = [{ title: 'One that is not there', params: { name: 'nothing' }, status: 404 }];
/** Taken from a chunk's tokens: special ones, and what a heading may add. */
const SPECIAL_TOKENS = 2;

export const createCollection = defineRetrievalEndpoint({
  name: 'createCollection',
  method: 'POST',
  path: '/v1/collections',
  tag: 'retrieval',
  summary: 'Make a collection of documents',
  description: 'Its embedding model stays the same for its life (docs/retrieval.md).',
  body: createCollectionSchema,
  responses: [{ status: 200, what: 'the collection', schema: collectionSchema }],
  examples: [
    {
      title: 'A model that is not there',
      body: { name: 'notes', model: 'nothing' },
      status: 404,
    },
  ],
  async handle({ env, caller, body }) {
    const { name } = body;
    const model = await findEncoder(env, body.model);
    const { nEmbd, maxTokens } = model.manifest.config;
    const about = {
      ...{ name, key: crypto.randomUUID(), model: model.id, nEmbd },
      chunkTokens: Math.min(body.chunk_tokens, maxTokens - SPECIAL_TOKENS),
      createdAtMs: Date.now(),
    };
    if (!(await collectionStub(env, caller, name).create(about)))
      throw invalidField(
        'name',
        `collection ${name} is there already. Choose another name, or delete it`,
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
  summary: 'Names of the collections',
  responses: [
    {
      status: 200,
      what: 'the first 1,000, in the order of their names',
      schema: z.strictObject({
        object: z.literal('list'),
        data: z.array(z.strictObject({ object: z.literal('collection'), name: z.string() })),
      }),
    },
  ],
  examples: [{ title: 'All of them' }],
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
  summary: 'One collection',
  params,
  responses: [{ status: 200, what: 'the collection', schema: collectionSchema }],
  examples: missing,
  async handle({ env, caller, params: { name = '' } }) {
    const { stub, about } = await findCollection(env, caller, name);
    const state: unknown = await stub.read();
    // Gone meanwhile: as it was when it was found.
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
  summary: 'Delete a collection and all that is in it',
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
