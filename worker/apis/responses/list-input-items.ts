/** GET /v1/responses/:id/input_items. */
import {
  listJson,
  listSchema,
  readLimit,
  readOrder,
  wrongQuery,
} from '../../http/body/page-query.ts';
import { askStored } from './ask-stored.ts';
import { type InputItemJson, inputItemSchema } from './item-schema.ts';

import { defineResponseEndpoint } from './env.ts';

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;

export const listInputItems = defineResponseEndpoint({
  name: 'listInputItems',
  method: 'GET',
  path: '/v1/responses/:id/input_items',
  tag: 'responses',
  scope: 'chat',
  summary: 'List the input items of a response',
  description:
    'All items of the conversation before the response, including those of earlier responses.',
  params: { id: 'id of the stored response' },
  query: {
    limit: `1 to ${MAX_LIMIT}; default ${DEFAULT_LIMIT}`,
    order: '"desc" for the newest first (default), or "asc"',
    after: 'id of an item, after which the list begins',
  },
  responses: [{ status: 200, what: 'a page of items', schema: listSchema(inputItemSchema) }],
  examples: [
    {
      title: 'The oldest first',
      before: [{ path: '/v1/responses', body: { input: 'Hello!', max_output_tokens: 4 } }],
      params: { id: '$id' },
      query: 'order=asc&limit=10',
    },
  ],
  async handle(context) {
    const text = await askStored(context, (stored) => stored.readInput());
    const items = JSON.parse(text) as InputItemJson[];
    return Response.json(pageOf(items, new URL(context.request.url)));
  },
});

/** @throws {EngineError} E_REQUEST_INVALID naming the query parameter. */
function pageOf(items: readonly InputItemJson[], { searchParams }: URL): object {
  const order = readOrder(searchParams);
  const limit = readLimit(searchParams, DEFAULT_LIMIT, MAX_LIMIT);
  const sorted = order === 'asc' ? items : items.toReversed();
  const after = searchParams.get('after');
  const begin = after === null ? 0 : sorted.findIndex((item) => item.id === after) + 1;
  if (after !== null && begin === 0) throw wrongQuery('after', 'expected the id of an item', after);
  return listJson(sorted.slice(begin, begin + limit), begin + limit < sorted.length);
}
