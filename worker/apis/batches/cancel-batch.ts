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
  summary: 'End a batch',
  description:
    'What is being answered ends; it and what was not begun stand in the error file with the code ' +
    '"batch_cancelled". What was answered is kept. Of a batch that is over nothing changes.',
  params: { id: 'the id of a batch' },
  responses: [{ status: 200, what: 'the batch', schema: batchSchema }],
  examples: [{ title: 'Enough', before: BEFORE_BATCH, params: { id: '$id' } }],
  handle: async (context) => jsonText(await askBatch(context, (batch) => batch.cancel())),
});
