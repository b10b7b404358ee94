/** POST /v1/responses/:id/cancel. */
import { objectName } from '../../platform/caller.ts';
import { jsonText } from '../../http/json-text.ts';
import { responseNotFound } from './input.ts';
import { responseId, responseSchema } from './schema.ts';
import { defineResponseEndpoint } from './env.ts';

export const cancelResponse = defineResponseEndpoint({
  name: 'cancelResponse',
  method: 'POST',
  path: '/v1/responses/:id/cancel',
  tag: 'responses',
  summary: 'End a response that is being made',
  description:
    'In the background or streamed: what was made so far stays, with the status "cancelled". ' +
    'Of a response that is done nothing changes.',
  params: { id: 'the id of a stored response' },
  responses: [{ status: 200, what: 'the response', schema: responseSchema }],
  examples: [
    {
      title: 'Enough',
      before: [
        {
          path: '/v1/responses',
          body: { input: 'Tell a long story.', background: true, max_output_tokens: 400 },
        },
      ],
      params: { id: '$id' },
    },
  ],
  async handle({ env, caller, params }) {
    const id = params['id'] ?? '';
    const isId = responseId.safeParse(id).success;
    const text = isId ? await env.RESPONSES.getByName(objectName(caller, id)).cancel() : null;
    if (text === null) throw responseNotFound(id);
    return jsonText(text);
  },
});
