/** POST /v1/files. */
import { MAX_FILE_BYTES, receiveUpload } from './upload.ts';
import { fileSchema, uploadFormSchema } from '../batches/json-schema.ts';
import { IGNORED_HEADER, ignoredHeader } from '../../http/body/unknown-fields.ts';
import { type Form } from '../../http/endpoint.ts';
import { defineFileEndpoint } from './env.ts';
import { keepCounted } from './storage-limit.ts';

const request = (id: string, content: string): string =>
  JSON.stringify({
    ...{ custom_id: id, method: 'POST', url: '/v1/chat/completions' },
    body: { messages: [{ role: 'user', content }], max_tokens: 8 },
  });

/** A file of two requests. */
export const EXAMPLE_FORM: Form = {
  purpose: 'batch',
  file: {
    filename: 'requests.jsonl',
    text: `${request('a', 'What does a bicycle need?')}\n${request('b', 'And a car?')}\n`,
  },
};

export const createFile = defineFileEndpoint({
  name: 'createFile',
  method: 'POST',
  path: '/v1/files',
  tag: 'batches',
  scope: 'chat',
  summary:
    'Upload a file of requests for a batch, of rows for fine-tuning, or of text for a vector store',
  description:
    `A form (multipart/form-data) with the fields "file", at most ${MAX_FILE_BYTES} bytes, and ` +
    '"purpose": "batch", "fine-tune" for rows to learn from, or "assistants" or "user_data" for vector stores. Each line of a batch is {"custom_id", "method": "POST", "url", "body"}. Lines are ' +
    'checked when the batch runs. The file stays until it is deleted.',
  form: uploadFormSchema,
  responses: [{ status: 200, what: 'the file', schema: fileSchema }],
  examples: [
    { title: 'Two requests', form: EXAMPLE_FORM },
    {
      title: 'Other purposes are refused',
      form: { ...EXAMPLE_FORM, purpose: 'evals' },
      status: 400,
    },
  ],
  async handle({ env, caller, request }) {
    const { file, ignored } = await receiveUpload(env, caller, request);
    await keepCounted(env, caller, file);
    const headers = ignored.length === 0 ? {} : { [IGNORED_HEADER]: ignoredHeader(ignored) };
    return Response.json(file, { headers });
  },
});
