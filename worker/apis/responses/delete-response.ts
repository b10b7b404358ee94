/** DELETE /v1/responses/:id. */
import { objectName } from '../../platform/caller.ts';
import { z } from 'zod';
import { responseNotFound } from './input.ts';
import { responseId } from './schema.ts';
import { defineResponseEndpoint } from './env.ts';

export const deleteResponse = defineResponseEndpoint({
  name: 'deleteResponse',
  method: 'DELETE',
  path: '/v1/responses/:id',
  tag: 'responses',
  summary: 'Forget a response',
  description: 'Responses that went on from it keep what they need.',
  params: { id: 'the id of a stored response' },
  responses: [
    {
      status: 200,
      what: 'forgotten',
      schema: z.strictObject({
        id: z.string(),
        object: z.literal('response.deleted'),
        deleted: z.literal(true),
      }),
    },
  ],
  examples: [
    {
      title: 'Forget a response',
      before: [{ path: '/v1/responses', body: { input: 'Hello!', max_output_tokens: 4 } }],
      params: { id: '$id' },
    },
  ],
  async handle({ env, caller, params }) {
    const id = params['id'] ?? '';
    const isId = responseId.safeParse(id).success;
    if (!isId || !(await env.RESPONSES.getByName(objectName(caller, id)).remove()))
      throw responseNotFound(id);
    return Response.json({ id, object: 'response.deleted', deleted: true });
  },
});
