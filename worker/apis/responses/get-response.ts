/** GET /v1/responses/:id. */

import { invalidField } from '../../platform/invalid-field.ts';
import { askStored } from './ask-stored.ts';
import { responseSchema } from './schema.ts';
import { markGenerated } from '../../http/generated.ts';
import { jsonText } from '../../http/json-text.ts';
import { defineResponseEndpoint } from './env.ts';

export const getResponse = defineResponseEndpoint({
  name: 'getResponse',
  method: 'GET',
  path: '/v1/responses/:id',
  tag: 'responses',
  scope: 'chat',
  summary: 'Get a response, finished or in progress',
  params: { id: 'id of the stored response' },
  responses: [{ status: 200, what: 'the response', schema: responseSchema }],
  examples: [
    {
      title: 'A stored response',
      before: [{ path: '/v1/responses', body: { input: 'Hello!', max_output_tokens: 4 } }],
      params: { id: '$id' },
    },
    { title: 'An unknown response', params: { id: 'resp_0' }, status: 404 },
  ],
  async handle(context) {
    if (new URL(context.request.url).searchParams.get('stream') === 'true')
      throw invalidField(
        'stream',
        'a stored response cannot be streamed again; expected it to be absent',
      );
    return markGenerated(jsonText(await askStored(context, (stored) => stored.read())));
  },
});
