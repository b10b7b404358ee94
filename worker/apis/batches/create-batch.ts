/** POST /v1/batches. The batch's own object runs it. */
import { invalidField } from '../../platform/invalid-field.ts';
import { objectName } from '../../platform/caller.ts';
import type { EngineError } from '../../../engine/base/errors.ts';
import { addToList, newBatchId } from './result-files.ts';
import { headFile } from '../files/stored-file.ts';
import { jsonText } from '../../http/json-text.ts';
import { BATCH_ENDPOINTS, BATCH_REFUSED, batchBodySchema, batchSchema } from './json-schema.ts';
import { EXAMPLE_FORM } from '../files/create-file.ts';
import { type Example } from '../../http/endpoint.ts';
import { defineBatchEndpoint } from './env.ts';

/** Body for a batch of the file that was uploaded before. */
export const EXAMPLE_BATCH = {
  ...{ input_file_id: '$id', endpoint: '/v1/chat/completions', completion_window: '24h' },
  metadata: { what: 'two questions' },
};

/** Requests before the examples of batches. */
export const BEFORE_BATCH: NonNullable<Example['before']> = [
  { path: '/v1/files', form: EXAMPLE_FORM },
  { path: '/v1/batches', body: EXAMPLE_BATCH },
];

export const createBatch = defineBatchEndpoint({
  name: 'createBatch',
  method: 'POST',
  path: '/v1/batches',
  tag: 'batches',
  scope: 'chat',
  summary: 'Create a batch from a file of requests',
  description:
    `All lines are requests to one endpoint, one of ${BATCH_ENDPOINTS.join(', ')}. They run a few at a time, ` +
    'like single requests, and the batch survives a restart of the server. Answers are in a file with ' +
    'a line each, in the order of the input; a broken or refused line fails alone and is in ' +
    'the error file.',
  body: batchBodySchema,
  refused: BATCH_REFUSED,
  responses: [{ status: 200, what: 'the batch, which has been started', schema: batchSchema }],
  examples: [
    {
      title: 'Answer the requests of a file',
      before: [{ path: '/v1/files', form: EXAMPLE_FORM }],
      body: EXAMPLE_BATCH,
    },
    {
      title: 'An unknown file',
      body: { ...EXAMPLE_BATCH, input_file_id: 'file-0' },
      status: 400,
    },
  ],
  async handle({ env, caller, body }) {
    const file = await headFile(env.FILES, caller, body.input_file_id);
    if (file === null) throw wrongFile('the id of a file of /v1/files', body.input_file_id);
    if (file.purpose !== 'batch')
      throw wrongFile('a file of purpose "batch"', `purpose "${file.purpose}"`);
    const id = newBatchId();
    // The list comes first: a batch that cannot be found must not run.
    await addToList(env.FILES, caller, id);
    const { endpoint, input_file_id: inputFileId, metadata = null } = body;
    const job = { id, caller, endpoint, inputFileId, inputBytes: file.bytes, metadata };
    return jsonText(await env.BATCHES.getByName(objectName(caller, id)).create(job));
  },
});

function wrongFile(expected: string, got: string): EngineError {
  return invalidField('input_file_id', `expected ${expected}, got ${got.slice(0, 80)}`);
}
