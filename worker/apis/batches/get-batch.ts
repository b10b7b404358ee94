/** GET /v1/batches/:id. */
import { jsonText } from '../../http/json-text.ts';
import { askBatch } from './ask-batch.ts';
import { batchSchema } from './json-schema.ts';
import { BEFORE_BATCH } from './create-batch.ts';
import { defineBatchEndpoint } from './env.ts';

export const getBatch = defineBatchEndpoint({
  name: 'getBatch',
  method: 'GET',
  path: '/v1/batches/:id',
  tag: 'batches',
  scope: 'chat',
  summary: 'Get a batch: its progress and its result files',
  description: 'Batches are kept for 30 days; their files stay until they are deleted.',
  params: { id: 'id of the batch' },
  responses: [{ status: 200, what: 'the batch', schema: batchSchema }],
  examples: [
    { title: 'A batch', before: BEFORE_BATCH, params: { id: '$id' } },
    { title: 'An unknown batch', params: { id: 'batch_0' }, status: 404 },
  ],
  handle: async (context) => jsonText(await askBatch(context, (batch) => batch.read())),
});
