/** Batches of messages in Anthropic's shapes: the body, the batch, and a line of its results. */
import { z } from 'zod';
import { strictField } from '../../../serving/fields/common.ts';
import { refuseAt, whole } from '../../../serving/fields/refuse-at.ts';
import { messageSchema } from '../schema.ts';

/** Most requests that one body may hold; its bytes are bounded, too. */
export const MAX_BATCH_REQUESTS = 10_000;

const time = z.string().nullable();
const count = z.number().int();

const batchRequest = z.looseObject({
  custom_id: z
    .string()
    .regex(/^[a-zA-Z0-9_-]{1,64}$/, 'expected 1 to 64 letters, digits, "_" or "-"'),
  params: z
    .record(z.string(), z.unknown())
    .describe('a body of POST /v1/messages; it is checked when it is run'),
});

export const messageBatchBodySchema = z
  .looseObject({
    requests: z
      .array(batchRequest)
      .min(1)
      .max(MAX_BATCH_REQUESTS)
      .superRefine(whole(refuseRepeated)),
    strict: strictField,
  })
  .meta({ id: 'MessageBatchRequest' });

function refuseRepeated(
  requests: readonly { readonly custom_id: string }[],
  context: z.RefinementCtx,
): void {
  const firsts = new Map<string, number>();
  for (const [i, { custom_id: id }] of requests.entries()) {
    const first = firsts.get(id);
    if (first === undefined) firsts.set(id, i);
    else
      refuseAt(
        context,
        [i, 'custom_id'],
        `expected one that no other request has, got ${JSON.stringify(id)}, which requests[${first}] has`,
      );
  }
}

export const messageBatchSchema = z
  .strictObject({
    id: z.string(),
    type: z.literal('message_batch'),
    processing_status: z.enum(['in_progress', 'canceling', 'ended']),
    request_counts: z
      .strictObject({
        ...{ processing: count, succeeded: count, errored: count, canceled: count },
        expired: count,
      })
      .describe('all are "processing" until the batch has ended'),
    ended_at: time,
    created_at: z.string(),
    expires_at: z.string(),
    archived_at: time,
    cancel_initiated_at: time,
    results_url: z.string().nullable().describe('once the batch has ended'),
  })
  .meta({ id: 'MessageBatch' });
export type MessageBatchJson = z.output<typeof messageBatchSchema>;

export const messageBatchListSchema = z.strictObject({
  data: z.array(messageBatchSchema),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
});

const errorObject = z.looseObject({
  type: z.literal('error'),
  error: z.looseObject({ type: z.string(), message: z.string() }),
});

export const messageBatchLineSchema = z
  .strictObject({
    custom_id: z.string(),
    result: z.discriminatedUnion('type', [
      z.strictObject({ type: z.literal('succeeded'), message: messageSchema }),
      z.strictObject({ type: z.literal('errored'), error: errorObject }),
      z.strictObject({ type: z.literal('canceled') }),
      z.strictObject({ type: z.literal('expired') }),
    ]),
  })
  .meta({ id: 'MessageBatchLine' });
export type MessageBatchLine = z.output<typeof messageBatchLineSchema>;
