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
  summary: 'The content of a file',
  params: { id: 'the id of a file' },
  responses: [{ status: 200, what: 'its bytes', contentType: CONTENT_TYPE }],
  examples: [
    {
      title: 'The requests of a file',
      before: [{ path: '/v1/files', form: EXAMPLE_FORM }],
      params: { id: '$id' },
    },
  ],
  async handle({ env, params }) {
    const id = params['id'] ?? '';
    const stream = await openFile(env.FILES, id);
    if (stream === null) throw fileNotFound(id);
    // Anybody's bytes, on the origin of our pages: never to be taken for one.
    const headers = { 'content-type': CONTENT_TYPE, 'x-content-type-options': 'nosniff' };
    return new Response(stream, { headers });
  },
});
