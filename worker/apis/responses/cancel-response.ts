/** POST /v1/responses/:id/cancel. */
import { jsonText } from '../../http/json-text.ts';
import { askStored } from './ask-stored.ts';
import { responseSchema } from './schema.ts';
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
  handle: async (context) => jsonText(await askStored(context, (stored) => stored.cancel())),
});
