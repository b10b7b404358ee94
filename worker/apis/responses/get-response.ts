/** GET /v1/responses/:id. */

import { invalidField } from '../../platform/invalid-field.ts';
import { askStored } from './ask-stored.ts';
import { eventsRequest } from './events-request.ts';
import { responseEventSchema, responseSchema } from './schema.ts';
import { markGenerated } from '../../http/generated.ts';
import { jsonText } from '../../http/json-text.ts';
import { defineResponseEndpoint, type ResponsesEnv } from './env.ts';
import type { EndpointContext } from '../../http/endpoint.ts';
import { objectName } from '../../platform/caller.ts';

export const getResponse = defineResponseEndpoint({
  name: 'getResponse',
  method: 'GET',
  path: '/v1/responses/:id',
  tag: 'responses',
  scope: 'chat',
  summary: 'Get a response, finished or in progress',
  description:
    'With "stream=true" the events of a response that was made with "background" and "stream": those that there are at once, ' +
    'and the others as they come.',
  params: { id: 'id of the stored response' },
  query: {
    stream: '"true" for events',
    starting_after: 'number of the last event that is known, after which the stream begins',
  },
  responses: [
    {
      status: 200,
      what: 'the response, or its events',
      schema: responseSchema,
      event: responseEventSchema,
    },
  ],
  examples: [
    {
      title: 'A stored response',
      before: [{ path: '/v1/responses', body: { input: 'Hello!', max_output_tokens: 4 } }],
      params: { id: '$id' },
    },
    { title: 'An unknown response', params: { id: 'resp_0' }, status: 404 },
  ],
  async handle(context) {
    const { searchParams } = new URL(context.request.url);
    if (searchParams.get('stream') === 'true') return await streamEvents(context, searchParams);
    return markGenerated(jsonText(await askStored(context, (stored) => stored.read())));
  },
});

/** @throws {EngineError} E_NOT_FOUND, E_REQUEST_INVALID */
async function streamEvents(
  context: EndpointContext<unknown, ResponsesEnv>,
  query: URLSearchParams,
): Promise<Response> {
  const text = query.get('starting_after') ?? '-1';
  if (!/^(?:-1|\d{1,9})$/.test(text))
    throw invalidField(
      'starting_after',
      `expected the number of an event, got ${text.slice(0, 40)}`,
    );
  await askStored(context, (stored) => stored.read());
  const { caller, env, params } = context;
  const object = env.RESPONSES.getByName(objectName(caller, params['id'] ?? ''));
  const response = await object.fetch(eventsRequest(caller, Number(text)));
  if (response.status !== 404) return response;
  throw invalidField(
    'stream',
    'only a response that was made with "background": true and "stream": true can be streamed again; expected it to be absent',
  );
}
