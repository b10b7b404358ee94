/**
 * Batches of messages, as Anthropic's clients make them: POST, GET and DELETE of /v1/messages/batches. Each is a
 * batch of /v1/batches whose file of requests the server has written, under an id of Anthropic's form.
 */
import { z } from 'zod';
import { EngineError } from '../../../../engine/base/errors.ts';
import { countStored } from '../../../access/gate.ts';
import type { EndpointContext, Example } from '../../../http/endpoint.ts';
import { readLimit, wrongQuery } from '../../../http/body/page-query.ts';
import { invalidField } from '../../../platform/invalid-field.ts';
import { objectName } from '../../../platform/caller.ts';
import { askBatch } from '../../batches/ask-batch.ts';
import type { BatchProgress } from '../../batches/batch-state.ts';
import { type BatchesEnv, defineBatchEndpoint } from '../../batches/env.ts';
import {
  addToList,
  isBatchId,
  listBatchIds,
  newBatchId,
  removeFromList,
} from '../../batches/result-files.ts';
import { FileWriter } from '../../files/file-writer.ts';
import { keepCounted } from '../../files/storage-limit.ts';
import { deleteFile, type FileJson, newFileId } from '../../files/stored-file.ts';
import {
  messageBatchBodySchema,
  messageBatchListSchema,
  messageBatchSchema,
  type MessageBatchJson,
} from './schema.ts';
import { BATCHES_PATH, batchIdOf, MESSAGES_PATH, messageBatchJson } from './shape.ts';

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;
/** Batches that one list looks through at most: others may lie between those of messages. */
const MAX_SEEN_BATCHES = 500;

type Context = EndpointContext<unknown, BatchesEnv>;

const row = { tag: 'batches', scope: 'chat', errors: 'anthropic' } as const;
const idParam = { id: 'id of the batch' };

const EXAMPLE_BODY = {
  requests: ['What does a bicycle need?', 'And a car?'].map((content, i) => ({
    custom_id: `question-${i + 1}`,
    params: { max_tokens: 8, messages: [{ role: 'user', content }] },
  })),
};
const BEFORE: NonNullable<Example['before']> = [{ path: BATCHES_PATH, body: EXAMPLE_BODY }];

export const createMessageBatch = defineBatchEndpoint({
  ...row,
  name: 'createMessageBatch',
  method: 'POST',
  path: BATCHES_PATH,
  summary: 'Create a batch of messages',
  description:
    "Like Anthropic's endpoint. The requests are checked when they are run, a few at a time; a refused one fails " +
    'alone. The batch is also one of /v1/batches, and its requests and results are files of /v1/files.',
  body: messageBatchBodySchema,
  responses: [
    { status: 200, what: 'the batch, which has been started', schema: messageBatchSchema },
  ],
  examples: [
    { title: 'Two requests', body: EXAMPLE_BODY },
    { title: 'No requests', body: { requests: [] }, status: 400 },
  ],
  async handle({ env, caller, body: { requests }, request }) {
    const id = newBatchId();
    const file = await writeRequests({ env, caller }, id, requests);
    await keepCounted(env, caller, file);
    // The list comes first: a batch that cannot be found must not run.
    await addToList(env.FILES, caller, id);
    const text = await env.BATCHES.getByName(objectName(caller, id)).create({
      ...{ id, caller, endpoint: MESSAGES_PATH, inputFileId: file.id, inputBytes: file.bytes },
      ...{ metadata: null, nRequest: requests.length },
    });
    const batch = JSON.parse(text) as BatchProgress['batch'];
    return Response.json(messageBatchJson({ batch, nSkipped: 0 }, request.url));
  },
});

export const listMessageBatches = defineBatchEndpoint({
  ...row,
  name: 'listMessageBatches',
  method: 'GET',
  path: BATCHES_PATH,
  summary: 'List batches of messages, the newest first',
  query: {
    limit: `1 to ${MAX_LIMIT}, default ${DEFAULT_LIMIT}`,
    after_id: 'id of a batch, after which the list begins',
  },
  responses: [{ status: 200, what: 'a page of batches', schema: messageBatchListSchema }],
  examples: [{ title: 'The newest', before: BEFORE, query: 'limit=5' }],
  async handle(context) {
    const query = new URL(context.request.url).searchParams;
    if (query.has('before_id'))
      throw invalidField('before_id', 'is not supported; page with after_id');
    const limit = readLimit(query, DEFAULT_LIMIT, MAX_LIMIT);
    const { data, hasMore } = await pageOfBatches(context, limit, readAfterId(query));
    const ids = { first_id: data[0]?.id ?? null, last_id: data.at(-1)?.id ?? null };
    return Response.json({ data, has_more: hasMore, ...ids });
  },
});

export const getMessageBatch = defineBatchEndpoint({
  ...row,
  name: 'getMessageBatch',
  method: 'GET',
  path: `${BATCHES_PATH}/:id`,
  summary: 'Get a batch of messages',
  description: 'Batches are kept for 30 days; their files stay until they are deleted.',
  params: idParam,
  responses: [{ status: 200, what: 'the batch', schema: messageBatchSchema }],
  examples: [
    { title: 'A batch', before: BEFORE, params: { id: '$id' } },
    { title: 'An unknown batch', params: { id: 'msgbatch_0' }, status: 404 },
  ],
  handle: async (context) =>
    Response.json(messageBatchJson(await readMessageBatch(context), context.request.url)),
});

export const cancelMessageBatch = defineBatchEndpoint({
  ...row,
  name: 'cancelMessageBatch',
  method: 'POST',
  path: `${BATCHES_PATH}/:id/cancel`,
  summary: 'Cancel a batch of messages',
  description: 'Requests that are not done end as "canceled"; answers so far are kept.',
  params: idParam,
  responses: [{ status: 200, what: 'the batch', schema: messageBatchSchema }],
  examples: [{ title: 'Cancel a batch', before: BEFORE, params: { id: '$id' } }],
  async handle(context) {
    await readMessageBatch(context);
    await askBatch(withBatchId(context), (batch) => batch.cancel());
    return Response.json(messageBatchJson(await readMessageBatch(context), context.request.url));
  },
});

export const deleteMessageBatch = defineBatchEndpoint({
  ...row,
  name: 'deleteMessageBatch',
  method: 'DELETE',
  path: `${BATCHES_PATH}/:id`,
  summary: 'Delete a batch of messages that has ended, with its requests and results',
  params: idParam,
  responses: [
    {
      ...{ status: 200, what: 'deleted' },
      schema: z.strictObject({ id: z.string(), type: z.literal('message_batch_deleted') }),
    },
  ],
  examples: [{ title: 'An unknown batch', params: { id: 'msgbatch_0' }, status: 404 }],
  async handle(context) {
    const { env, caller, request } = context;
    const progress = await readMessageBatch(context);
    const { id, processing_status: status } = messageBatchJson(progress, request.url);
    if (status !== 'ended')
      throw new EngineError(
        'E_REQUEST_INVALID',
        `batch_id: expected a batch that has ended, got one that is ${status}. Cancel it with POST ${BATCHES_PATH}/${id}/cancel, and wait until it has ended.`,
        { param: 'batch_id' },
      );
    const { batch } = progress;
    for (const fileId of [batch.input_file_id, batch.output_file_id, batch.error_file_id]) {
      const file = fileId === null ? null : await deleteFile(env.FILES, caller, fileId);
      if (file !== null) await countStored(env, { ...caller, account: file.account }, -file.bytes);
    }
    await env.BATCHES.getByName(objectName(caller, batch.id)).remove();
    await removeFromList(env.FILES, caller, batch.id);
    return Response.json({ id, type: 'message_batch_deleted' });
  },
});

/**
 * The batch that the path names.
 * @throws {EngineError} E_NOT_FOUND, also for batches of other endpoints
 */
export async function readMessageBatch(context: Context): Promise<BatchProgress> {
  const found = withBatchId(context);
  const progress = JSON.parse(
    await askBatch(found, (batch) => batch.readProgress(), context.params['id']),
  ) as BatchProgress;
  if (progress.batch.endpoint === MESSAGES_PATH) return progress;
  throw new EngineError(
    'E_NOT_FOUND',
    `batch: ${progress.batch.id} is a batch of ${progress.batch.endpoint}. Read it at /v1/batches/${progress.batch.id}.`,
    { param: 'batch_id' },
  );
}

/** The context with the id that the batch has in /v1/batches. */
function withBatchId(context: Context): Context {
  return { ...context, params: { id: batchIdOf(context.params['id'] ?? '') } };
}

function readAfterId(query: URLSearchParams): string | null {
  const text = query.get('after_id');
  if (text === null) return null;
  const id = batchIdOf(text);
  if (isBatchId(id)) return id;
  throw wrongQuery('after_id', 'expected an id of the list', text);
}

/** Reads pages of all batches until enough of them are of messages. */
async function pageOfBatches(
  { env, caller, request }: Context,
  limit: number,
  after: string | null,
): Promise<{ data: MessageBatchJson[]; hasMore: boolean }> {
  const data: MessageBatchJson[] = [];
  let start = after;
  for (let nSeen = 0; nSeen < MAX_SEEN_BATCHES; nSeen += MAX_LIMIT) {
    const { ids, hasMore } = await listBatchIds(env.FILES, caller, MAX_LIMIT, start);
    const texts = await Promise.all(
      ids.map((id) => env.BATCHES.getByName(objectName(caller, id)).readProgress()),
    );
    for (const text of texts) {
      const progress = text === null ? null : (JSON.parse(text) as BatchProgress);
      if (progress?.batch.endpoint !== MESSAGES_PATH) continue;
      if (data.length === limit) return { data, hasMore: true };
      data.push(messageBatchJson(progress, request.url));
    }
    if (!hasMore) break;
    start = ids.at(-1) ?? null;
  }
  return { data, hasMore: false };
}

/** The file that the batch reads: a line for each request. */
async function writeRequests(
  { env, caller }: Pick<Context, 'env' | 'caller'>,
  id: string,
  requests: readonly { readonly custom_id: string; readonly params: object }[],
): Promise<FileJson> {
  const writer = new FileWriter(env, {
    ...{ owner: caller, id: newFileId(), filename: `${id}.jsonl`, purpose: 'batch' },
  });
  const encoder = new TextEncoder();
  try {
    for (const { custom_id, params: body } of requests) {
      const line = { custom_id, method: 'POST', url: MESSAGES_PATH, body };
      await writer.write(encoder.encode(`${JSON.stringify(line)}\n`));
    }
    return await writer.finish();
  } catch (error) {
    await writer.abandon();
    throw error;
  }
}
