/** GET /v1/messages/batches/:id/results: what became of each request, a line each. */
import { EngineError } from '../../../../engine/base/errors.ts';
import { byteStream } from '../../../platform/byte-stream.ts';
import type { Caller } from '../../../platform/caller.ts';
import { isFinal } from '../../batches/batch-state.ts';
import { type BatchesEnv, defineBatchEndpoint } from '../../batches/env.ts';
import { readLines } from '../../files/line-reader.ts';
import { openFile } from '../../files/stored-file.ts';
import { readMessageBatch } from './message-batches.ts';
import { BATCHES_PATH, messageBatchLine } from './shape.ts';

const CONTENT_TYPE = 'application/x-jsonl';
/** Far above the longest answer. */
const MAX_RESULT_BYTES = 16 * 1024 * 1024;

export const getMessageBatchResults = defineBatchEndpoint({
  name: 'getMessageBatchResults',
  method: 'GET',
  path: `${BATCHES_PATH}/:id/results`,
  tag: 'batches',
  scope: 'chat',
  errors: 'anthropic',
  summary: 'Get the results of a batch of messages that has ended',
  description:
    'A line each: {"custom_id", "result"}, where the result is "succeeded" with its message, "errored" with its ' +
    'error, "canceled" or "expired". Those that succeeded come first, in the order of the requests.',
  params: { id: 'id of the batch' },
  responses: [{ status: 200, what: 'the results', contentType: CONTENT_TYPE }],
  examples: [{ title: 'An unknown batch', params: { id: 'msgbatch_0' }, status: 404 }],
  async handle(context) {
    const { batch } = await readMessageBatch(context);
    if (!isFinal({ batch }))
      throw new EngineError(
        'E_REQUEST_INVALID',
        `batch_id: expected a batch that has ended, got one that is ${batch.status}. Ask again later.`,
        { param: 'batch_id' },
      );
    const ids = [batch.output_file_id, batch.error_file_id].filter((id) => id !== null);
    const headers = { 'content-type': CONTENT_TYPE, 'x-content-type-options': 'nosniff' };
    return new Response(byteStream(resultLines(context, ids)), { headers });
  },
});

async function* resultLines(
  { env, caller }: { readonly env: BatchesEnv; readonly caller: Caller },
  fileIds: readonly string[],
): AsyncGenerator<Uint8Array, void, void> {
  const encoder = new TextEncoder();
  const decoder = new TextDecoder();
  for (const id of fileIds) {
    const stream = await openFile(env, caller, id);
    // A file that was deleted has no results any more.
    if (stream === null) continue;
    for await (const { bytes } of readLines(stream, { offset: 0, number: 1 }, MAX_RESULT_BYTES))
      if (bytes !== null)
        yield encoder.encode(`${JSON.stringify(messageBatchLine(decoder.decode(bytes)))}\n`);
  }
}
