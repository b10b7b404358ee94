/** Endpoints of the items of conversations. */
import { EngineError } from '../../../engine/base/errors.ts';
import { listJson, listSchema, pageOf, pageQuery } from '../../http/body/page-query.ts';
import { appendItems, readItems, readRecord, recordStub } from '../records/records.ts';
import { nextPlace } from '../responses/item-shape.ts';
import { type InputItemJson, inputItemSchema } from '../responses/item-schema.ts';
import { conversationSchema, itemsBodySchema } from './schema.ts';
import type { ConversationJson } from './schema.ts';
import { defineConversationEndpoint } from './env.ts';
import { readNewItems } from './new-items.ts';

const path = '/v1/conversations/:id/items';
const params = { id: 'id of the conversation' };
const itemParams = { ...params, item: 'id of the item' };
const items = [{ role: 'user', content: 'What does a bicycle need?' }];
const before = [{ path: '/v1/conversations', body: { items } }];
const list = listSchema(inputItemSchema);
const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;

export const addConversationItems = defineConversationEndpoint({
  name: 'addConversationItems',
  method: 'POST',
  path,
  tag: 'conversations',
  scope: 'chat',
  summary: 'Add items to a conversation',
  params,
  body: itemsBodySchema,
  responses: [{ status: 200, what: 'the items that were added', schema: list }],
  examples: [
    { title: 'Add a message', before, params: { id: '$id' }, body: { items } },
    { title: 'An unknown conversation', params: { id: 'conv_0' }, body: { items }, status: 404 },
  ],
  takesPictures: true,
  async handle({ env, caller, params: { id = '' }, body, request: { signal } }) {
    const found = await readItems<InputItemJson>(env, caller, 'conversation', id);
    const added = await readNewItems({ env, caller, signal }, body.items, id, nextPlace(found));
    await appendItems(env, caller, 'conversation', id, added);
    return Response.json(listJson(added, false));
  },
});

export const listConversationItems = defineConversationEndpoint({
  name: 'listConversationItems',
  method: 'GET',
  path,
  tag: 'conversations',
  scope: 'chat',
  summary: 'List the items of a conversation',
  params,
  query: pageQuery('an item', DEFAULT_LIMIT, MAX_LIMIT),
  responses: [{ status: 200, what: 'a page of items', schema: list }],
  examples: [
    { title: 'The oldest first', before, params: { id: '$id' }, query: 'order=asc&limit=10' },
  ],
  async handle({ env, caller, request, params: { id = '' } }) {
    const found = await readItems<InputItemJson>(env, caller, 'conversation', id);
    const { searchParams } = new URL(request.url);
    return Response.json(pageOf(found, searchParams, DEFAULT_LIMIT, MAX_LIMIT));
  },
});

export const getConversationItem = defineConversationEndpoint({
  name: 'getConversationItem',
  method: 'GET',
  path: `${path}/:item`,
  tag: 'conversations',
  scope: 'chat',
  summary: 'Get an item of a conversation',
  params: itemParams,
  responses: [{ status: 200, what: 'the item', schema: inputItemSchema }],
  examples: [
    { title: 'An unknown item', before, params: { id: '$id', item: 'msg_0' }, status: 404 },
  ],
  async handle({ env, caller, params: { id = '', item = '' } }) {
    const found = await readItems<InputItemJson>(env, caller, 'conversation', id);
    const one = found.find((candidate) => candidate.id === item);
    if (one === undefined) throw itemNotFound(item);
    return Response.json(one);
  },
});

export const deleteConversationItem = defineConversationEndpoint({
  name: 'deleteConversationItem',
  method: 'DELETE',
  path: `${path}/:item`,
  tag: 'conversations',
  scope: 'chat',
  summary: 'Delete an item of a conversation',
  params: itemParams,
  responses: [{ status: 200, what: 'the conversation', schema: conversationSchema }],
  examples: [
    { title: 'An unknown item', before, params: { id: '$id', item: 'msg_0' }, status: 404 },
  ],
  async handle({ env, caller, params: { id = '', item = '' } }) {
    const found = await readRecord<ConversationJson>(env, caller, 'conversation', id);
    if (!(await recordStub(env, caller, id).removeItem(item))) throw itemNotFound(item);
    return Response.json(found);
  },
});

function itemNotFound(item: string): EngineError {
  return new EngineError(
    'E_NOT_FOUND',
    `item: the conversation has no item ${JSON.stringify(item.slice(0, 80))}; list them with GET ${path}.`,
    { param: 'item_id' },
  );
}
