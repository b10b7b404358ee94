/** /v1/responses with tools and formats: items, events, what is stored and gone on with. */
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { outputItemSchema } from '../../worker/apis/responses/item-schema.ts';
import { responseEventSchema, responseSchema } from '../../worker/apis/responses/schema.ts';
import { sseData, shareTestServer, STORIES_ID, type SharedServer } from '../support/http-server.ts';

type Item = OpenAI.Responses.ResponseOutputItem;
type Call = OpenAI.Responses.ResponseFunctionToolCall;

let server: SharedServer;
let openai: OpenAI;
beforeAll(async () => {
  server = await shareTestServer();
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(() => server.close());

const parameters = {
  type: 'object',
  properties: { city: { enum: ['Paris', 'Rome'] } },
  required: ['city'],
};
const weather = { type: 'function' as const, name: 'get_weather', parameters, strict: true };
const greedy = { model: STORIES_ID, temperature: 0, max_output_tokens: 120 };
const asking = {
  ...{ ...greedy, input: 'Once upon a time', tools: [weather] },
  tool_choice: 'required' as const,
  parallel_tool_calls: false,
};

function callOf(output: readonly Item[]): Call {
  const [call] = output;
  if (call?.type !== 'function_call') throw new Error('no call');
  return call;
}
const cityOf = (call: Call): string => (JSON.parse(call.arguments) as { city: string }).city;

describe('a call', () => {
  test('is an item of its own, told of as it is made', async () => {
    const whole = await openai.responses.create(asking);
    expect(whole).toMatchObject({ status: 'completed', output_text: '', tool_choice: 'required' });
    expect(whole.tools).toMatchObject([weather]);
    expect(whole.output).toHaveLength(1);
    const call = callOf(whole.output);
    expect(['Paris', 'Rome']).toContain(cityOf(call));
    expect(call.call_id).toMatch(/^call_[0-9a-f]{24}$/);

    const body = { ...asking, stream: true };
    const events = (await Array.fromAsync(sseData(await server.post('/v1/responses', body)))).map(
      (data) => responseEventSchema.parse(JSON.parse(data)),
    );
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, i) => i));
    const types = events.map(({ type }) => type);
    expect(types.filter((type) => !type.endsWith('.delta'))).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.function_call_arguments.done',
      'response.output_item.done',
      'response.completed',
    ]);
    const json = events
      .map((event) => (event.type === 'response.function_call_arguments.delta' ? event.delta : ''))
      .join('');
    expect(json).toBe(call.arguments);
    const last = events.at(-1);
    if (last?.type !== 'response.completed') throw new Error('no last event');
    expect(last.response.output).toMatchObject([
      { type: 'function_call', status: 'completed', arguments: json, name: 'get_weather' },
    ]);
    const stored = await fetch(`${server.url}/v1/responses/${last.response.id}`);
    expect(responseSchema.parse(await stored.json())).toEqual(last.response);
  });

  test('is answered, and the conversation goes on from what is stored', async () => {
    const first = await openai.responses.create(asking);
    const call = callOf(first.output);
    const output = { type: 'function_call_output' as const, call_id: call.call_id };
    const second = await openai.responses.create({
      ...{ ...greedy, max_output_tokens: 12, previous_response_id: first.id, tools: [weather] },
      ...{ tool_choice: 'none', input: [{ ...output, output: 'sunny' }] },
    });
    expect(second.output_text).not.toBe('');
    expect(second.status).toBe('incomplete');
    expect(second.output).toMatchObject([{ type: 'message', status: 'incomplete' }]);
    const { data } = await openai.responses.inputItems.list(second.id, { order: 'asc' });
    expect(data).toMatchObject([
      { type: 'message', role: 'user' },
      { type: 'function_call', call_id: call.call_id, arguments: call.arguments },
      { type: 'function_call_output', call_id: call.call_id, output: 'sunny' },
    ]);
    // The same, sent in full, is the same conversation.
    const all = await openai.responses.create({
      ...{ ...greedy, max_output_tokens: 12, tools: [weather], tool_choice: 'none', store: false },
      input: [
        { role: 'user', content: asking.input },
        call,
        { ...output, output: [{ type: 'input_text', text: 'sunny' }] },
      ],
    });
    expect(all.output_text).toBe(second.output_text);
  });

  test('several at once are items next to each other', async () => {
    const response = await openai.responses.create({
      ...{ ...asking, parallel_tool_calls: true, max_output_tokens: 200 },
    });
    const ids = response.output.map((item) => {
      outputItemSchema.parse(item);
      return callOf([item]).call_id;
    });
    expect(ids.length).toBeGreaterThan(1);
    expect(new Set(ids).size).toBe(ids.length);
    // The model wanted to go on: what there is was closed, and that is said.
    expect(response.status).toBe('incomplete');
  });

  test('that is cut is incomplete, and valid', async () => {
    const text = { type: 'object', properties: { text: { type: 'string' } }, required: ['text'] };
    const long = { ...asking, tools: [{ ...weather, parameters: text }] };
    const whole = await openai.responses.create(long);
    expect(whole.status).toBe('completed');
    const response = await openai.responses.create({
      ...{ ...long, max_output_tokens: (whole.usage?.output_tokens ?? 0) - 5 },
    });
    expect(response.status).toBe('incomplete');
    expect(response.incomplete_details?.reason).toBe('max_output_tokens');
    const call = callOf(response.output);
    expect(call.status).toBe('incomplete');
    expect(JSON.parse(call.arguments)).toHaveProperty('text');
  });

  test('is left in when turns are left out', async () => {
    const input = 'Once upon a time there was a dog. '.repeat(20);
    const first = await openai.responses.create({ ...greedy, input, max_output_tokens: 4 });
    const asked = await openai.responses.create({
      ...{ ...asking, input: 'A bird', previous_response_id: first.id, truncation: 'auto' },
    });
    expect(asked).toMatchObject({ dropped_messages: 2 });
    const { call_id } = callOf(asked.output);
    const answered = await openai.responses.create({
      ...{ ...greedy, max_output_tokens: 8, previous_response_id: asked.id, truncation: 'auto' },
      input: [{ type: 'function_call_output', call_id, output: 'It sang. '.repeat(60) }],
    });
    expect(answered).toMatchObject({ dropped_messages: 2 });
  });
});

describe('text.format', () => {
  const create = async (format: OpenAI.Responses.ResponseFormatTextConfig, fields: object = {}) =>
    await openai.responses.create({ ...greedy, input: 'Once', text: { format }, ...fields });

  test('a schema', async () => {
    const format = { type: 'json_schema' as const, name: 'place', schema: parameters };
    const closed = { ...parameters, additionalProperties: false };
    const response = await create({ ...format, schema: closed });
    expect(['Paris', 'Rome']).toContain(
      (JSON.parse(response.output_text) as { city: string }).city,
    );
    expect(response.status).toBe('completed');
    expect(response.text?.format).toMatchObject({ ...format, schema: closed });
  });

  test('any object; what was closed to fit is incomplete', async () => {
    const response = await create({ type: 'json_object' }, { max_output_tokens: 20 });
    expect(JSON.parse(response.output_text)).toBeTypeOf('object');
    expect(response.status).toBe('incomplete');
  });

  test('beside tools, an answer is either', async () => {
    const schema = { type: 'object', properties: { name: { enum: ['<tool_call>'] } } };
    const closed = { ...schema, required: ['name'], additionalProperties: false };
    const response = await create(
      { type: 'json_schema', name: 'x', schema: closed },
      { tools: [weather], tool_choice: 'auto' },
    );
    const [item] = response.output;
    if (item?.type === 'function_call') expect(cityOf(item)).not.toBe('');
    else expect(JSON.parse(response.output_text)).toEqual({ name: '<tool_call>' });
  });
});

const user = { role: 'user', content: 'Once' };
const call = { type: 'function_call', call_id: 'a', name: 'f', arguments: '{}' };
const output = { type: 'function_call_output', call_id: 'a', output: 'x' };

test.each<[string, object, string, string]>([
  ['an answer to no call', { input: [user, output] }, 'input[1].call_id', 'no call before'],
  ['two answers', { input: [call, output, output] }, 'input[2].call_id', 'an answer already'],
  ['an open call', { input: [user, call] }, 'input[1]', 'function_call_output'],
  ['talk between', { input: [user, call, user] }, 'input[2]', '"a"'],
  [
    'arguments that are none',
    { input: [{ ...call, arguments: '[' }] },
    'input[0].arguments',
    'JSON text of an object',
  ],
  ['one tool twice', { input: 'a', tools: [weather, weather] }, 'tools', 'twice'],
  [
    'a choice of none of them',
    { input: 'a', tools: [weather], tool_choice: { type: 'function', name: 'x' } },
    'tool_choice',
    '"x"',
  ],
  [
    'arguments of no object',
    { input: 'a', tools: [{ ...weather, parameters: { type: 'string' } }] },
    'tools[0].parameters',
    'object',
  ],
  [
    'a schema that is not honoured',
    { input: 'a', text: { format: { type: 'json_schema', schema: { not: {} } } } },
    'text.format.schema',
    '',
  ],
  [
    'more of tools than a row keeps',
    {
      input: 'a',
      tools: Array.from({ length: 150 }, (_, i) => ({
        ...weather,
        name: `f${i}`,
        description: 'x'.repeat(9000),
      })),
    },
    'tools',
    'at most 1000000 bytes',
  ],
])('refused: %s', async (_what, body, param, part) => {
  const response = await server.post('/v1/responses', body);
  const { error } = await response.json<{ error: { param: string; message: string } }>();
  expect([response.status, error.param], error.message).toEqual([400, param]);
  expect(error.message).toContain(part);
});
