/** A batch of requests to /v1/messages, and a line of its results, as Anthropic's API shows them. */
import { NO_REQUEST } from '../../../platform/failure.ts';
import { EngineError } from '../../../../engine/base/errors.ts';
import { anthropicErrorBody, recordForClient } from '../../../http/error-response.ts';
import { isFinal, type BatchProgress } from '../../batches/batch-state.ts';
import type { BatchJson } from '../../batches/json-schema.ts';
import type { MessageBatchJson, MessageBatchLine } from './schema.ts';

export const MESSAGES_PATH = '/v1/messages';
export const BATCHES_PATH = `${MESSAGES_PATH}/batches`;
const ID_PREFIX = 'msgbatch_';
/** Prefix of the same batch in OpenAI's API. */
const BATCH_PREFIX = 'batch_';

/** Id of the batch that runs a batch of messages: the same digits; the text itself where it is none. */
export function batchIdOf(id: string): string {
  return id.startsWith(ID_PREFIX) ? BATCH_PREFIX + id.slice(ID_PREFIX.length) : id;
}

const messageBatchId = (id: string): string => ID_PREFIX + id.slice(BATCH_PREFIX.length);

/** @param url of the request, whose host the results have, too */
export function messageBatchJson(
  { batch, nSkipped }: BatchProgress,
  url: string,
): MessageBatchJson {
  const id = messageBatchId(batch.id);
  const isEnded = isFinal({ batch });
  return {
    ...{ id, type: 'message_batch' },
    processing_status: isEnded
      ? 'ended'
      : batch.cancelling_at === null
        ? 'in_progress'
        : 'canceling',
    request_counts: countsOf(batch, nSkipped, isEnded),
    ended_at: timeText(endedAt(batch)),
    created_at: new Date(batch.created_at * 1000).toISOString(),
    expires_at: new Date(batch.expires_at * 1000).toISOString(),
    archived_at: null,
    cancel_initiated_at: timeText(batch.cancelling_at),
    results_url: isEnded ? new URL(`${BATCHES_PATH}/${id}/results`, url).href : null,
  };
}

/** All requests count as being processed until the batch has ended, as with Anthropic. */
function countsOf(
  { status, request_counts: { total, completed, failed } }: BatchJson,
  nSkipped: number,
  isEnded: boolean,
): MessageBatchJson['request_counts'] {
  const none = { processing: 0, succeeded: 0, errored: 0, canceled: 0, expired: 0 };
  if (!isEnded) return { ...none, processing: total };
  const nExpired = status === 'expired' ? nSkipped : 0;
  return {
    ...none,
    succeeded: completed,
    // Those that nothing is known of were lost with a batch that failed as a whole.
    errored: total - completed - nSkipped,
    canceled: Math.min(failed, nSkipped) - nExpired,
    expired: nExpired,
  };
}

const endedAt = (batch: BatchJson): number | null =>
  batch.completed_at ?? batch.failed_at ?? batch.expired_at ?? batch.cancelled_at;

const timeText = (s: number | null): string | null =>
  s === null ? null : new Date(s * 1000).toISOString();

/** A line of a result file; see worker/apis/batches/batch-line.ts. */
interface ResultLine {
  readonly custom_id: string | null;
  readonly response: { readonly status_code: number; readonly body: object } | null;
  readonly error: { readonly code: string; readonly message: string } | null;
}

type Result = MessageBatchLine['result'];

const NOT_RUN: Readonly<Record<string, Result>> = {
  batch_cancelled: { type: 'canceled' },
  batch_expired: { type: 'expired' },
};

/** @param text JSON of a line of a result file */
export function messageBatchLine(text: string): MessageBatchLine {
  const line = JSON.parse(text) as ResultLine;
  return { custom_id: line.custom_id ?? '', result: resultOf(line) };
}

function resultOf({ response, error }: ResultLine): Result {
  // Both are as the endpoint of messages wrote them.
  if (response !== null)
    return response.status_code === 200
      ? { type: 'succeeded', message: response.body as never }
      : { type: 'errored', error: response.body as never };
  const notRun = NOT_RUN[error?.code ?? ''];
  if (notRun !== undefined) return notRun;
  const failure = new EngineError('E_REQUEST_INVALID', error?.message ?? 'the request failed');
  const record = recordForClient(failure, { place: 'gateway.batch.line', ...NO_REQUEST });
  return { type: 'errored', error: anthropicErrorBody(record) as never };
}
