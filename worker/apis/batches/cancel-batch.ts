/** POST /v1/batches/:id/cancel. */
import { jsonText } from '../../http/json-text.ts';
import { askBatch } from './ask-batch.ts';
import { batchSchema } from './json-schema.ts';
import { BEFORE_BATCH } from './create-batch.ts';
import { defineBatchEndpoint } from './env.ts';

export const cancelBatch = defineBatchEndpoint({
  name: 'cancelBatch',
  method: 'POST',
  path: '/v1/batches/:id/cancel',
  tag: 'batches',
  scope: 'chat',
  summary: 'Cancel a batch',
  description:
    'Running requests are aborted; they and those not begun are in the error file with the code ' +
    '"batch_cancelled". Answers so far are kept. A finished batch does not change.',
  params: { id: 'id of the batch' },
  responses: [{ status: 200, what: 'the batch', schema: batchSchema }],
  examples: [{ title: 'Cancel a batch', before: BEFORE_BATCH, params: { id: '$id' } }],
  handle: async (context) => jsonText(await askBatch(context, (batch) => batch.cancel())),
});
