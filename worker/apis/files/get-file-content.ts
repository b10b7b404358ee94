/** GET /v1/files/:id/content. */
import { fileNotFound, openFile } from './stored-file.ts';
import { EXAMPLE_FORM } from './create-file.ts';
import { defineFileEndpoint } from './env.ts';

const CONTENT_TYPE = 'application/jsonl';

export const getFileContent = defineFileEndpoint({
  name: 'getFileContent',
  method: 'GET',
  path: '/v1/files/:id/content',
  tag: 'batches',
  scope: 'chat',
  summary: 'Get the content of a file',
  params: { id: 'id of the file' },
  responses: [{ status: 200, what: 'the bytes of the file', contentType: CONTENT_TYPE }],
  examples: [
    {
      title: 'The requests of a file',
      before: [{ path: '/v1/files', form: EXAMPLE_FORM }],
      params: { id: '$id' },
    },
  ],
  async handle({ env, caller, params }) {
    const id = params['id'] ?? '';
    const stream = await openFile(env, caller, id);
    if (stream === null) throw fileNotFound(id);
    // Uploaded bytes, on the origin of our pages, must never be taken for a page.
    const headers = { 'content-type': CONTENT_TYPE, 'x-content-type-options': 'nosniff' };
    return new Response(stream, { headers });
  },
});
