/** GET /v1/files/:id. */
import { fileNotFound, headFile } from './stored-file.ts';
import { fileSchema } from '../batches/json-schema.ts';
import { EXAMPLE_FORM } from './create-file.ts';
import { defineFileEndpoint } from './env.ts';

export const getFile = defineFileEndpoint({
  name: 'getFile',
  method: 'GET',
  path: '/v1/files/:id',
  tag: 'batches',
  scope: 'chat',
  summary: 'Get information about a file',
  params: { id: 'id of the file' },
  responses: [{ status: 200, what: 'the file', schema: fileSchema }],
  examples: [
    {
      title: 'A file',
      before: [{ path: '/v1/files', form: EXAMPLE_FORM }],
      params: { id: '$id' },
    },
    { title: 'An unknown file', params: { id: 'file-0' }, status: 404 },
  ],
  async handle({ env, caller, params }) {
    const id = params['id'] ?? '';
    const file = await headFile(env.FILES, caller, id);
    if (file === null) throw fileNotFound(id);
    return Response.json(file);
  },
});
