/** Tool calls: held to the tools' schemas, streamed as deltas, answered and gone on with. */
import OpenAI from 'openai';
import type { ChatCompletionMessageParam, ChatCompletionTool } from 'openai/resources';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { shareTestServer, STORIES_ID, type SharedServer } from '../support/http-server.ts';

let server: SharedServer;
let client: OpenAI;
beforeAll(async () => {
  server = await shareTestServer();
  client = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(() => server.close());

interface Refusal {
  readonly error: { readonly param: string; readonly message: string };
}

const functionTool = (name: string, properties: Record<string, unknown>): ChatCompletionTool => ({
  type: 'function',
  function: { name, parameters: { type: 'object', properties, required: Object.keys(properties) } },
});
const weather = functionTool('get_weather', { city: { enum: ['Paris', 'Rome'] } });
const add = functionTool('add', { a: { type: 'integer', minimum: 0, maximum: 9 } });
const messages: ChatCompletionMessageParam[] = [{ role: 'user', content: 'Once' }];
const request = { model: STORIES_ID, messages, temperature: 0, max_tokens: 200 };

interface Call {
  id: string;
  name: string;
  arguments: string;
}

async function streamedCalls(fields: object): Promise<{ calls: Call[]; reason: string | null }> {
  const calls: Call[] = [];
  let reason: string | null = null;
  const stream = await client.chat.completions.create({ ...request, ...fields, stream: true });
  for await (const { choices } of stream) {
    for (const delta of choices[0]?.delta.tool_calls ?? []) {
      const call = (calls[delta.index] ??= { id: '', name: '', arguments: '' });
      call.id += delta.id ?? '';
      call.name += delta.function?.name ?? '';
      call.arguments += delta.function?.arguments ?? '';
    }
    reason = choices[0]?.finish_reason ?? reason;
  }
  return { calls, reason };
}

describe('a call', () => {
  test('that is required comes, valid, and ends the answer', async () => {
    const { choices } = await client.chat.completions.create({
      ...{ ...request, tools: [weather, add], tool_choice: 'required', parallel_tool_calls: false },
    });
    const [choice] = choices;
    const [call] = choice?.message.tool_calls ?? [];
    expect(choice?.finish_reason).toBe('tool_calls');
    expect(choice?.message.content).toBeNull();
    expect(call?.type).toBe('function');
    if (call?.type !== 'function') return;
    expect(['get_weather', 'add']).toContain(call.function.name);
    expect(JSON.parse(call.function.arguments)).toBeTypeOf('object');
    // A least number of tokens does not keep it from ending.
    const longer = await client.chat.completions.create({
      ...{ ...request, tools: [weather, add], tool_choice: 'required', parallel_tool_calls: false },
      ...{ min_tokens: 1000 },
    });
    expect(longer.choices[0]?.finish_reason).toBe('tool_calls');
  });

  test('of a named function, streamed, is put together from its deltas', async () => {
    const tool_choice = { type: 'function', function: { name: 'get_weather' } };
    const { calls, reason } = await streamedCalls({ tools: [weather, add], tool_choice });
    expect(reason).toBe('tool_calls');
    expect(calls).toHaveLength(1);
    expect(calls[0]?.name).toBe('get_weather');
    expect(calls[0]?.id).toMatch(/^call_[0-9a-f]{24}$/);
    expect(['Paris', 'Rome']).toContain((JSON.parse(calls[0]!.arguments) as { city: string }).city);
  });

  test.each([
    ['no parameters', {}, {}],
    [
      'parameters only in allOf',
      { allOf: [{ properties: { a: { const: 1 } }, required: ['a'] }] },
      { a: 1 },
    ],
  ])('of a function with %s', async (_, parameters, expected) => {
    const tool = { type: 'function', function: { name: 'f', parameters } };
    const tool_choice = { type: 'function', function: { name: 'f' } };
    const { calls } = await streamedCalls({ tools: [tool], tool_choice });
    expect(JSON.parse(calls[0]!.arguments)).toMatchObject(expected);
    if (Object.keys(parameters).length === 0) expect(calls[0]!.arguments).toBe('{}');
  });

  test('is not cut by a stop string inside of it', async () => {
    const tool_choice = { type: 'function', function: { name: 'get_weather' } };
    const { calls, reason } = await streamedCalls({ tools: [weather], tool_choice, stop: 'city' });
    expect(reason).toBe('tool_calls');
    expect(JSON.parse(calls[0]!.arguments)).toHaveProperty('city');
  });

  test('may come or not, and text goes on as without tools', async () => {
    const plain = await client.chat.completions.create({
      ...request,
      max_tokens: 40,
      stop: 'girl',
    });
    const { choices } = await client.chat.completions.create({
      ...{ ...request, max_tokens: 40, stop: 'girl', tools: [weather], tool_choice: 'none' },
    });
    expect(choices[0]?.message.content).toBe(plain.choices[0]?.message.content);
    const auto = await client.chat.completions.create({ ...request, max_tokens: 30, tools: [add] });
    expect(auto.choices[0]?.message.content ?? '').not.toContain('<tool_call>');
  });

  test('of one of a thousand tools', async () => {
    const tools = Array.from({ length: 1000 }, (_, i) => functionTool(`tool_${i}`, {}));
    const answer = await server.post('/v1/chat/completions', {
      ...{ messages, tools, tool_choice: { type: 'function', function: { name: 'tool_777' } } },
      max_tokens: 100,
    });
    // A thousand descriptions do not fit the context of this model: that is said, nothing breaks.
    expect(answer.status).toBe(400);
    expect(await answer.json()).toMatchObject({ error: { code: 'context_length_exceeded' } });
  });
});

describe('the round trip', () => {
  const call = (id: string, city: string) => ({
    id,
    type: 'function' as const,
    function: { name: 'get_weather', arguments: JSON.stringify({ city }) },
  });
  const answer = (id: string, content: string): ChatCompletionMessageParam => ({
    role: 'tool',
    tool_call_id: id,
    content,
  });
  const called: ChatCompletionMessageParam[] = [
    ...messages,
    { role: 'assistant', content: null, tool_calls: [call('a', 'Paris'), call('b', 'Rome')] },
  ];

  test('goes on from the answers, in whatever order they come', async () => {
    const go = async (answers: ChatCompletionMessageParam[]) => {
      const { choices } = await client.chat.completions.create({
        ...{ ...request, max_tokens: 12, messages: [...called, ...answers] },
      });
      return choices[0]?.message.content;
    };
    const text = await go([answer('a', 'sunny'), answer('b', 'rainy')]);
    expect(text).not.toBe('');
    expect(await go([answer('b', 'rainy'), answer('a', 'sunny')])).toBe(text);
  });

  test.each([
    [[answer('a', 'sunny')], 'messages[2]', '"b"'],
    [[answer('a', 'x'), answer('c', 'y')], 'messages[3].tool_call_id', 'no call before'],
    [[answer('a', 'x'), answer('a', 'y')], 'messages[3].tool_call_id', 'an answer already'],
    [[{ role: 'user' as const, content: 'Hi' }], 'messages[2].role', '"a"'],
  ])('%j is refused', async (rest, param, word) => {
    const response = await server.post('/v1/chat/completions', { messages: [...called, ...rest] });
    expect(response.status).toBe(400);
    const { error } = await response.json<Refusal>();
    expect(error.param).toBe(param);
    expect(error.message).toContain(word);
  });
});

test.each([
  [{ tools: [weather, weather] }, 'tools', 'twice'],
  [
    { tools: [weather], tool_choice: { type: 'function', function: { name: 'x' } } },
    'tool_choice',
    '"x"',
  ],
  [{ tool_choice: 'required' }, 'tool_choice', 'no tools'],
  [{ tools: [{ type: 'web_search' }] }, 'tools[0].type', 'function'],
  [{ tools: [weather], session: 'a' }, 'tools', 'no tools in a session'],
  [
    {
      session: 'a',
      messages: [
        {
          role: 'assistant',
          tool_calls: [{ id: 'a', type: 'function', function: { name: 'f', arguments: '' } }],
        },
        { role: 'tool', tool_call_id: 'a', content: 'x' },
      ],
    },
    'messages[0]',
    'no tools in a session',
  ],
  [
    { tools: [{ type: 'function', function: { name: 'f', parameters: { type: 'array' } } }] },
    'tools[0].function.parameters',
    'object',
  ],
  [
    { tools: [functionTool('f', { a: { type: 'string', dependentSchemas: {} } })] },
    'tools[0].function.parameters',
    'dependentSchemas',
  ],
])('%j is refused', async (fields, param, word) => {
  const response = await server.post('/v1/chat/completions', { messages, ...fields });
  expect(response.status).toBe(400);
  const { error } = await response.json<Refusal>();
  expect(error.param).toContain(param);
  expect(error.message).toContain(word);
});
