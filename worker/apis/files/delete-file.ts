/** DELETE /v1/files/:id. */
import { countStored } from '../../access/gate.ts';
import { deletedJson, deletedRow } from '../../http/deleted.ts';
import { deleteFile as removeFile, fileNotFound } from './stored-file.ts';
import { EXAMPLE_FORM } from './create-file.ts';
import { defineFileEndpoint } from './env.ts';

export const deleteFile = defineFileEndpoint({
  name: 'deleteFile',
  method: 'DELETE',
  path: '/v1/files/:id',
  tag: 'batches',
  scope: 'chat',
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
  async handle({ env, caller, params }) {
    const id = params['id'] ?? '';
    const file = await removeFile(env.FILES, caller, id);
    if (file === null) throw fileNotFound(id);
    await countStored(env, { ...caller, account: file.account }, -file.bytes);
    return deletedJson('file', id);
  },
});
