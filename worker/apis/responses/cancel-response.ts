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
  scope: 'chat',
  summary: 'Cancel a response in progress',
  description:
    'Cancels a response in the background or a streamed one: its output so far stays, with the status "cancelled". ' +
    'A finished response does not change.',
  params: { id: 'id of the stored response' },
  responses: [{ status: 200, what: 'the response', schema: responseSchema }],
  examples: [
    {
      title: 'Cancel a response',
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
