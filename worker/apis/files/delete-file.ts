/** DELETE /v1/files/:id. */
import { deletedJson, deletedRow } from '../../http/deleted.ts';
import { deleteFile as removeFile, fileNotFound } from './stored-file.ts';
import { EXAMPLE_FORM } from './create-file.ts';
import { defineFileEndpoint } from './env.ts';

export const deleteFile = defineFileEndpoint({
  name: 'deleteFile',
  method: 'DELETE',
  path: '/v1/files/:id',
  tag: 'batches',
  summary: 'Delete a file',
  description: 'A batch that has not read the file to its end fails, and keeps its answers so far.',
  params: { id: 'id of the file' },
  responses: [deletedRow('file')],
  examples: [
    {
      title: 'Delete a file',
      before: [{ path: '/v1/files', form: EXAMPLE_FORM }],
      params: { id: '$id' },
    },
  ],
  async handle({ env, params }) {
    const id = params['id'] ?? '';
    if (!(await removeFile(env.FILES, id))) throw fileNotFound(id);
    return deletedJson('file', id);
  },
});
