/** Endpoints that list, read, change and delete stored chat completions. */
import { deletedJson, deletedRow } from '../../../http/deleted.ts';
import { endpointWith } from '../../../http/endpoint.ts';
import {
  listJson,
  listSchema,
  pageOf,
  pageQuery,
  readAfter,
  readLimit,
  wrongQuery,
} from '../../../http/body/page-query.ts';
import type { Caller } from '../../../platform/caller.ts';
import type { ServingEnv } from '../../../serving/env.ts';
import { metadataBodySchema } from '../../conversations/schema.ts';
import type { FilesEnv } from '../../files/env.ts';
import type { RecordsEnv } from '../../records/env.ts';
import {
  isRecordId,
  readItems,
  readRecord,
  recordIds,
  recordStub,
  removeRecord,
  updateRecord,
} from '../../records/records.ts';
import { storedCompletionSchema, storedMessageSchema } from './schema.ts';
import type { StoredCompletionJson, StoredMessageJson } from './schema.ts';

type Env = ServingEnv & RecordsEnv & FilesEnv;
const define = endpointWith<Env>();

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;
/** Completions that one list reads: each is an object, and a request has 1,000 subrequests. */
const MAX_READ = 500;

const path = '/v1/chat/completions/:id';
const params = { id: 'id of the stored completion' };
const messages = [{ role: 'user', content: 'What does a bicycle need?' }];
const before = [{ path: '/v1/chat/completions', body: { messages, max_tokens: 4, store: true } }];
const missing = { title: 'An unknown completion', params: { id: 'chatcmpl-0' }, status: 404 };
const row = { status: 200, what: 'the completion', schema: storedCompletionSchema };

export const listChatCompletions = define({
  name: 'listChatCompletions',
  method: 'GET',
  path: '/v1/chat/completions',
  tag: 'generation',
  scope: 'chat',
  summary: 'List stored chat completions',
  description: 'Those that were made with "store": true in the last 30 days.',
  query: {
    limit: `1 to ${MAX_LIMIT}; default ${DEFAULT_LIMIT}`,
    order: '"asc" for the oldest first (default), or "desc"',
    after: 'id of a completion, after which the list begins',
    model: 'only those of this model',
    'metadata[KEY]': 'only those with this value',
  },
  responses: [{ status: 200, what: 'a page', schema: listSchema(storedCompletionSchema) }],
  examples: [{ title: 'The newest', query: 'order=desc&limit=2' }],
  async handle({ env, caller, request }) {
    const { searchParams: query } = new URL(request.url);
    const limit = readLimit(query, DEFAULT_LIMIT, MAX_LIMIT);
    const isWanted = filterOf(query);
    const found: StoredCompletionJson[] = [];
    for (const id of await idsOf(env, caller, query)) {
      const text = await recordStub(env, caller, id).read();
      const completion = text === null ? null : (JSON.parse(text) as StoredCompletionJson);
      if (completion !== null && isWanted(completion)) found.push(completion);
      if (found.length > limit) break;
    }
    return Response.json(listJson(found.slice(0, limit), found.length > limit));
  },
});

/** Ids in the order of the query, after its id. */
async function idsOf(env: Env, caller: Caller, query: URLSearchParams): Promise<string[]> {
  const order = query.get('order') ?? 'asc';
  if (order !== 'asc' && order !== 'desc')
    throw wrongQuery('order', 'expected "asc" or "desc"', order);
  const after = readAfter(query, (id) => isRecordId('completion', id)) ?? '';
  if (order === 'desc') return await recordIds(env, caller, 'completion', after, MAX_READ);
  // Lists of the bucket begin with the newest.
  const ids = (await recordIds(env, caller, 'completion', '', MAX_READ)).reverse();
  return after === '' ? ids : ids.filter((id) => id < after);
}

function filterOf(query: URLSearchParams): (completion: StoredCompletionJson) => boolean {
  const model = query.get('model');
  const pairs = [...query].flatMap(([name, value]) => {
    const key = /^metadata\[(.{1,64})\]$/.exec(name)?.[1];
    return key === undefined ? [] : [[key, value] as const];
  });
  return (completion) =>
    (model === null || completion.model === model) &&
    pairs.every(([key, value]) => completion.metadata[key] === value);
}

export const getChatCompletion = define({
  name: 'getChatCompletion',
  method: 'GET',
  path,
  tag: 'generation',
  scope: 'chat',
  summary: 'Get a stored chat completion',
  params,
  responses: [row],
  examples: [{ title: 'A stored completion', before, params: { id: '$id' } }, missing],
  async handle({ env, caller, params: { id = '' } }) {
    return Response.json(await readRecord<StoredCompletionJson>(env, caller, 'completion', id));
  },
});

export const updateChatCompletion = define({
  name: 'updateChatCompletion',
  method: 'POST',
  path,
  tag: 'generation',
  scope: 'chat',
  summary: 'Replace the metadata of a stored chat completion',
  params,
  body: metadataBodySchema,
  responses: [row],
  examples: [
    { title: 'Other metadata', before, params: { id: '$id' }, body: { metadata: { topic: 'a' } } },
    { ...missing, body: { metadata: {} } },
  ],
  async handle({ env, caller, params: { id = '' }, body: { metadata } }) {
    const found = await readRecord<StoredCompletionJson>(env, caller, 'completion', id);
    const changed: StoredCompletionJson = { ...found, metadata };
    await updateRecord(env, caller, 'completion', id, changed);
    return Response.json(changed);
  },
});

export const deleteChatCompletion = define({
  name: 'deleteChatCompletion',
  method: 'DELETE',
  path,
  tag: 'generation',
  scope: 'chat',
  summary: 'Delete a stored chat completion',
  params,
  responses: [deletedRow('chat.completion.deleted')],
  examples: [{ title: 'Delete a completion', before, params: { id: '$id' } }, missing],
  async handle({ env, caller, params: { id = '' } }) {
    await removeRecord(env, caller, 'completion', id);
    return deletedJson('chat.completion.deleted', id);
  },
});

export const listChatMessages = define({
  name: 'listChatMessages',
  method: 'GET',
  path: `${path}/messages`,
  tag: 'generation',
  scope: 'chat',
  summary: 'List the messages that a stored chat completion answers',
  params,
  query: {
    ...pageQuery('a message', DEFAULT_LIMIT, MAX_LIMIT),
    order: '"asc" for the oldest first (default), or "desc"',
  },
  responses: [{ status: 200, what: 'a page', schema: listSchema(storedMessageSchema) }],
  examples: [{ title: 'All messages', before, params: { id: '$id' } }, missing],
  async handle({ env, caller, request, params: { id = '' } }) {
    const items = await readItems<StoredMessageJson>(env, caller, 'completion', id);
    const { searchParams: query } = new URL(request.url);
    if (!query.has('order')) query.set('order', 'asc');
    return Response.json(pageOf(items, query, DEFAULT_LIMIT, MAX_LIMIT));
  },
});
