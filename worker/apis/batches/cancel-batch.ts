/** POST /v1/batches/:id/cancel. */
import { objectName } from '../../platform/caller.ts';
import { isBatchId } from './result-files.ts';
import { jsonText } from '../../http/json-text.ts';
import { batchSchema } from './json-schema.ts';
import { BEFORE_BATCH } from './create-batch.ts';
import { defineBatchEndpoint } from './env.ts';
import { batchNotFound } from './get-batch.ts';

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
  async handle({ env, caller, params }) {
    const id = params['id'] ?? '';
    const text = isBatchId(id)
      ? await env.BATCHES.getByName(objectName(caller, id)).cancel()
      : null;
    if (text === null) throw batchNotFound(id);
    return jsonText(text);
  },
});
