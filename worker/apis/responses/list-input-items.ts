/** GET /v1/responses/:id/input_items. */
import { listSchema, pageOf, pageQuery } from '../../http/body/page-query.ts';
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
  query: pageQuery('an item', DEFAULT_LIMIT, MAX_LIMIT),
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
    const { searchParams } = new URL(context.request.url);
    return Response.json(pageOf(items, searchParams, DEFAULT_LIMIT, MAX_LIMIT));
  },
});
