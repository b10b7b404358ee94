/** GET /v1/batches. */
import { objectName } from '../../platform/caller.ts';
import { isBatchId, listBatchIds } from './result-files.ts';
import { type BatchJson, batchSchema } from './json-schema.ts';
import { listJson, listSchema, readAfter, readLimit } from '../../http/body/page-query.ts';
import { BEFORE_BATCH } from './create-batch.ts';
import { defineBatchEndpoint } from './env.ts';

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;

export const listBatches = defineBatchEndpoint({
  name: 'listBatches',
  method: 'GET',
  path: '/v1/batches',
  tag: 'batches',
  scope: 'chat',
  summary: 'List batches, the newest first',
  query: {
    limit: `1 to ${MAX_LIMIT}, default ${DEFAULT_LIMIT}`,
    after: 'id of a batch, after which the list begins',
  },
  responses: [{ status: 200, what: 'a page of batches', schema: listSchema(batchSchema) }],
  examples: [{ title: 'The newest', before: BEFORE_BATCH, query: 'limit=5' }],
  async handle({ env, caller, request }) {
    const query = new URL(request.url).searchParams;
    const limit = readLimit(query, DEFAULT_LIMIT, MAX_LIMIT);
    const { ids, hasMore } = await listBatchIds(
      env.FILES,
      caller,
      limit,
      readAfter(query, isBatchId),
    );
    const texts = await Promise.all(
      ids.map((id) => env.BATCHES.getByName(objectName(caller, id)).read()),
    );
    // An entry whose batch was never created is skipped.
    const data = texts.flatMap((text) => (text === null ? [] : [JSON.parse(text) as BatchJson]));
    return Response.json(listJson(data, hasMore));
  },
});
