/** Endpoints that create, read, change and delete conversations. */
import { deletedJson, deletedRow } from '../../http/deleted.ts';
import { newObjectId } from '../../platform/storage/object-id.ts';
import {
  readRecord,
  RECORD_KINDS,
  removeRecord,
  updateRecord,
  writeRecord,
} from '../records/records.ts';
import { readNewItems } from './new-items.ts';
import { conversationBodySchema, conversationSchema, metadataBodySchema } from './schema.ts';
import type { ConversationJson } from './schema.ts';
import { defineConversationEndpoint } from './env.ts';

const params = { id: 'id of the conversation' };
const before = [{ path: '/v1/conversations', body: { metadata: { topic: 'bicycles' } } }];
const missing = { title: 'An unknown conversation', params: { id: 'conv_0' }, status: 404 };
const row = { status: 200, what: 'the conversation', schema: conversationSchema };

export const createConversation = defineConversationEndpoint({
  name: 'createConversation',
  method: 'POST',
  path: '/v1/conversations',
  tag: 'conversations',
  scope: 'chat',
  summary: 'Create a conversation',
  description:
    'A conversation keeps items until it is deleted. A response with "conversation" begins with them, and adds its own.',
  body: conversationBodySchema,
  responses: [row],
  examples: [
    { title: 'An empty conversation', body: { metadata: { topic: 'bicycles' } } },
    {
      title: 'A conversation with a first message',
      body: { items: [{ role: 'user', content: 'What does a bicycle need?' }] },
    },
  ],
  takesPictures: true,
  async handle({ env, caller, body, request: { signal } }) {
    const id = newObjectId(RECORD_KINDS.conversation);
    const { items = [], metadata = {} } = body;
    const conversation: ConversationJson = {
      ...{ id, object: 'conversation', created_at: Math.floor(Date.now() / 1000), metadata },
    };
    const first = await readNewItems({ env, caller, signal }, items, id);
    await writeRecord(env, caller, id, conversation, first);
    return Response.json(conversation);
  },
});

export const getConversation = defineConversationEndpoint({
  name: 'getConversation',
  method: 'GET',
  path: '/v1/conversations/:id',
  tag: 'conversations',
  scope: 'chat',
  summary: 'Get a conversation',
  params,
  responses: [row],
  examples: [{ title: 'A conversation', before, params: { id: '$id' } }, missing],
  async handle({ env, caller, params: { id = '' } }) {
    return Response.json(await readRecord<ConversationJson>(env, caller, 'conversation', id));
  },
});

export const updateConversation = defineConversationEndpoint({
  name: 'updateConversation',
  method: 'POST',
  path: '/v1/conversations/:id',
  tag: 'conversations',
  scope: 'chat',
  summary: 'Replace the metadata of a conversation',
  params,
  body: metadataBodySchema,
  responses: [row],
  examples: [
    {
      title: 'Other metadata',
      before,
      params: { id: '$id' },
      body: { metadata: { topic: 'cars' } },
    },
    { ...missing, body: { metadata: {} } },
  ],
  async handle({ env, caller, params: { id = '' }, body: { metadata } }) {
    const found = await readRecord<ConversationJson>(env, caller, 'conversation', id);
    const changed: ConversationJson = { ...found, metadata };
    await updateRecord(env, caller, 'conversation', id, changed);
    return Response.json(changed);
  },
});

export const deleteConversation = defineConversationEndpoint({
  name: 'deleteConversation',
  method: 'DELETE',
  path: '/v1/conversations/:id',
  tag: 'conversations',
  scope: 'chat',
  summary: 'Delete a conversation and its items',
  params,
  responses: [deletedRow('conversation.deleted')],
  examples: [{ title: 'Delete a conversation', before, params: { id: '$id' } }, missing],
  async handle({ env, caller, params: { id = '' } }) {
    await removeRecord(env, caller, 'conversation', id);
    return deletedJson('conversation.deleted', id);
  },
});
