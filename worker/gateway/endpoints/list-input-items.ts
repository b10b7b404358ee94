/** GET /v1/responses/:id/input_items. */
import { z } from 'zod';
import { EngineError } from '../../../engine/base/errors.ts';
import { responseNotFound } from '../response-input.ts';
import { type InputItemJson, inputItemSchema } from '../schemas/response-items.ts';
import { responseId } from '../schemas/responses.ts';
import { defineEndpoint } from './endpoint.ts';

const DEFAULT_LIMIT = 20;
const MAX_LIMIT = 100;

const listSchema = z.strictObject({
  object: z.literal('list'),
  data: z.array(inputItemSchema),
  first_id: z.string().nullable(),
  last_id: z.string().nullable(),
  has_more: z.boolean(),
});

export const listInputItems = defineEndpoint({
  name: 'listInputItems',
  method: 'GET',
  path: '/v1/responses/:id/input_items',
  tag: 'responses',
  summary: 'What a response answers',
  description: 'All items of the conversation before it, also those of earlier responses.',
  params: { id: 'the id of a stored response' },
  query: {
    limit: `1 to ${MAX_LIMIT}, ${DEFAULT_LIMIT} by default`,
    order: '"desc", the newest first, or "asc"',
    after: 'the id of an item: the list begins behind it',
  },
  responses: [{ status: 200, what: 'a page of items', schema: listSchema }],
  examples: [
    {
      title: 'The oldest first',
      before: [{ path: '/v1/responses', body: { input: 'Hello!', max_output_tokens: 4 } }],
      params: { id: '$id' },
      query: 'order=asc&limit=10',
    },
  ],
  async handle({ env, params, request }) {
    const id = params['id'] ?? '';
    const isId = responseId.safeParse(id).success;
    const text = isId ? await env.RESPONSES.getByName(id).readInput() : null;
    if (text === null) throw responseNotFound(id);
    return Response.json(pageOf(JSON.parse(text) as InputItemJson[], new URL(request.url)));
  },
});

/** @throws {EngineError} E_REQUEST_INVALID naming the query parameter. */
function pageOf(
  items: readonly InputItemJson[],
  { searchParams }: URL,
): z.output<typeof listSchema> {
  const order = searchParams.get('order') ?? 'desc';
  if (order !== 'asc' && order !== 'desc') throw wrong('order', 'expected "asc" or "desc"', order);
  const limitText = searchParams.get('limit') ?? String(DEFAULT_LIMIT);
  const limit = Number(limitText);
  if (!Number.isInteger(limit) || limit < 1 || limit > MAX_LIMIT)
    throw wrong('limit', `expected 1 to ${MAX_LIMIT}`, limitText);
  const sorted = order === 'asc' ? items : items.toReversed();
  const after = searchParams.get('after');
  const begin = after === null ? 0 : sorted.findIndex((item) => item.id === after) + 1;
  if (after !== null && begin === 0) throw wrong('after', 'expected the id of an item', after);
  const data = sorted.slice(begin, begin + limit);
  return {
    object: 'list',
    data,
    first_id: data[0]?.id ?? null,
    last_id: data.at(-1)?.id ?? null,
    has_more: begin + limit < sorted.length,
  };
}

function wrong(param: string, expected: string, got: string): EngineError {
  const shown = JSON.stringify(got.slice(0, 80));
  return new EngineError('E_REQUEST_INVALID', `${param}: ${expected}, got ${shown}.`, { param });
}
