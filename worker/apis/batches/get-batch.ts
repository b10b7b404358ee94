/** GET /v1/batches/:id. */
import { objectName } from '../../platform/caller.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { isBatchId } from './result-files.ts';
import { jsonText } from '../../http/json-text.ts';
import { batchSchema } from './json-schema.ts';
import { BEFORE_BATCH } from './create-batch.ts';
import { defineBatchEndpoint } from './env.ts';

export const getBatch = defineBatchEndpoint({
  name: 'getBatch',
  method: 'GET',
  path: '/v1/batches/:id',
  tag: 'batches',
  summary: 'How far a batch is, and where its answers are',
  description: 'Batches are kept for 30 days; their files stay until they are deleted.',
  params: { id: 'the id of a batch' },
  responses: [{ status: 200, what: 'the batch', schema: batchSchema }],
  examples: [
    { title: 'A batch', before: BEFORE_BATCH, params: { id: '$id' } },
    { title: 'One that is not there', params: { id: 'batch_0' }, status: 404 },
  ],
  async handle({ env, caller, params }) {
    const id = params['id'] ?? '';
    const text = isBatchId(id) ? await env.BATCHES.getByName(objectName(caller, id)).read() : null;
    if (text === null) throw batchNotFound(id);
    return jsonText(text);
  },
});

/** @throws {EngineError} E_NOT_FOUND */
export function batchNotFound(id: string): EngineError {
  return new EngineError(
    'E_NOT_FOUND',
    `batch: no batch ${JSON.stringify(id.slice(0, 80))}; it never was, or is older than 30 days.`,
    { param: 'batch_id' },
  );
}
