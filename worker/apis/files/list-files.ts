/** GET /v1/files. */
import { isFileId, listFiles as readFiles, MAX_SEEN_FILES } from './stored-file.ts';
import { fileSchema } from '../batches/json-schema.ts';
import {
  listJson,
  listSchema,
  readAfter,
  readLimit,
  readOrder,
} from '../../http/body/page-query.ts';
import { defineFileEndpoint } from './env.ts';

const MAX_LIMIT = 1000;

export const listFiles = defineFileEndpoint({
  name: 'listFiles',
  method: 'GET',
  path: '/v1/files',
  tag: 'batches',
  scope: 'chat',
  summary: 'List files: uploads and results of batches',
  query: {
    limit: `1 to ${MAX_LIMIT}; default ${MAX_LIMIT}`,
    order: `"desc" for the newest first (default), or "asc", for at most ${MAX_SEEN_FILES} files`,
    after: 'id of a file, after which the list begins',
    purpose:
      '"batch", "batch_output", "fine-tune", "fine-tune-results", "assistants" or "user_data": list only files of this purpose',
  },
  responses: [{ status: 200, what: 'a page of files', schema: listSchema(fileSchema) }],
  examples: [
    { title: 'The newest', query: 'limit=10' },
    { title: 'Results of batches', query: 'purpose=batch_output' },
  ],
  async handle({ env, caller, request }) {
    const query = new URL(request.url).searchParams;
    const { data, hasMore } = await readFiles(env.FILES, caller, {
      limit: readLimit(query, MAX_LIMIT, MAX_LIMIT),
      order: readOrder(query),
      after: readAfter(query, isFileId),
      purpose: query.get('purpose'),
    });
    return Response.json(listJson(data, hasMore));
  },
});
