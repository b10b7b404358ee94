/** POST /v1/responses. What is to be stored is made by the response's own object. */
import { objectName } from '../../platform/caller.ts';
import { answerResponse, planResponse } from './run-response.ts';
import { newItems, newResponseId, readConversation } from './input.ts';
import { RESPONSES_REFUSED } from '../../http/body/refused.ts';
import { responseBodySchema, responseEventSchema, responseSchema } from './schema.ts';
import { defineResponseEndpoint } from './env.ts';

const input = 'Name three things a bicycle needs.';
const city = { enum: ['Paris', 'Rome'] };
const parameters = { type: 'object', properties: { city }, required: ['city'] };
const tools = [
  { type: 'function', name: 'get_weather', description: 'The weather now.', parameters },
];

export const createResponse = defineResponseEndpoint({
  name: 'createResponse',
  method: 'POST',
  path: '/v1/responses',
  tag: 'responses',
  summary: 'Answer an input, and keep the answer to go on from',
  description:
    'As OpenAI\'s endpoint, for texts and calls of functions. Stored for 30 days unless "store" is false. A response whose ' +
    'client leaves before its end is not stored, unless it runs in the background.',
  body: responseBodySchema,
  refused: RESPONSES_REFUSED,
  responses: [
    {
      status: 200,
      what: 'the response, or its events as server-sent events that end with its last state',
      schema: responseSchema,
      event: responseEventSchema,
    },
  ],
  examples: [
    { title: 'An answer', body: { input, max_output_tokens: 24 } },
    {
      title: 'The events of an answer',
      body: { input, max_output_tokens: 24, instructions: 'Be short.', stream: true, store: false },
    },
    {
      title: 'Going on from an earlier answer',
      before: [{ path: '/v1/responses', body: { input, max_output_tokens: 8 } }],
      body: { input: 'And a car?', previous_response_id: '$id', max_output_tokens: 8 },
    },
    {
      title: 'Log-probabilities of each token',
      body: {
        input: [{ role: 'user', content: [{ type: 'input_text', text: input }] }],
        include: ['message.output_text.logprobs'],
        top_logprobs: 2,
        max_output_tokens: 4,
      },
    },
    { title: 'An answer made meanwhile', body: { input, max_output_tokens: 8, background: true } },
    {
      title: 'A call of a tool',
      body: { input: 'Is it warm in Rome?', tools, tool_choice: 'required' },
    },
    {
      title: 'Going on from the output of a call',
      body: {
        input: [
          { role: 'user', content: 'Is it warm in Rome?' },
          {
            type: 'function_call',
            call_id: 'c1',
            name: 'get_weather',
            arguments: '{"city":"Rome"}',
          },
          { type: 'function_call_output', call_id: 'c1', output: '31 degrees' },
        ],
        tools,
        max_output_tokens: 16,
      },
    },
    {
      title: 'JSON of a schema',
      body: {
        input: 'Where is it warm?',
        text: { format: { type: 'json_schema', name: 'place', schema: parameters } },
      },
    },
    { title: 'Only functions are tools', body: { input, tools: [{ type: 'x' }] }, status: 400 },
  ],
  async handle({ env, caller, body, request, record }) {
    const id = newResponseId();
    const history = await readConversation(env, caller, body.previous_response_id);
    const fresh = newItems(body.input);
    const job = { id, caller, body, input: [...history, ...fresh], nNew: fresh.length };
    if (body.store) {
      record.handOver();
      const init = { method: 'POST', body: JSON.stringify(job), signal: request.signal };
      return await env.RESPONSES.getByName(objectName(caller, id)).fetch(
        'https://response/run',
        init,
      );
    }
    return await answerResponse(await planResponse(env, job, request.signal, record));
  },
});
