/** /v1/messages with tools and formats: blocks, events, what is counted and refused. */
import Anthropic from '@anthropic-ai/sdk';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { messageEventSchema, messageSchema } from '../../worker/apis/messages/schema.ts';
import { sseData, shareTestServer, STORIES_ID, type SharedServer } from '../support/http-server.ts';

let server: SharedServer;
let client: Anthropic;
beforeAll(async () => {
  server = await shareTestServer();
  client = new Anthropic({ baseURL: server.url, apiKey: 'none', maxRetries: 0 });
});
afterAll(() => server.close());

const input_schema = {
  type: 'object' as const,
  properties: { city: { enum: ['Paris', 'Rome'] } },
  required: ['city'],
};
const weather = { name: 'get_weather', description: 'The weather now.', input_schema };
const user = { role: 'user' as const, content: 'Once upon a time' };
const greedy = { model: STORIES_ID, max_tokens: 100, temperature: 0, messages: [user] };
const only = { type: 'any' as const, disable_parallel_tool_use: true };
const use = (id: string, city: string) => ({
  ...{ type: 'tool_use' as const, id, name: 'get_weather', input: { city } },
});
const result = (id: string, content?: string, fields: object = {}) => ({
  ...{ type: 'tool_result' as const, tool_use_id: id, ...fields },
  ...(content === undefined ? {} : { content }),
});

describe('a call', () => {
  test('is a block, and its events give it', async () => {
    const body = { ...greedy, tools: [weather], tool_choice: only };
    const posted = await server.post('/v1/messages', body);
    const whole = messageSchema.parse(await posted.json());
    expect(whole.stop_reason).toBe('tool_use');
    const [block] = whole.content;
    if (block?.type !== 'tool_use') throw new Error('no call');
    expect(block.id).toMatch(/^toolu_[0-9a-f]{24}$/);

    const stream = await server.post('/v1/messages', { ...body, stream: true });
    const events = (await Array.fromAsync(sseData(stream))).map((data) =>
      messageEventSchema.parse(JSON.parse(data)),
    );
    expect(events.map(({ type }) => type).filter((type) => type !== 'content_block_delta')).toEqual(
      [
        'message_start',
        'content_block_start',
        'content_block_stop',
        'message_delta',
        'message_stop',
      ],
    );
    expect(events[1]).toMatchObject({
      index: 0,
      content_block: { type: 'tool_use', name: 'get_weather', input: {} },
    });
    const json = events
      .map((event) =>
        event.type === 'content_block_delta' && event.delta.type === 'input_json_delta'
          ? event.delta.partial_json
          : '',
      )
      .join('');
    expect(JSON.parse(json)).toEqual(block.input);
    expect(events.at(-2)).toMatchObject({ delta: { stop_reason: 'tool_use' } });
  });

  test('of the tool that is named; several are blocks with indices of their own', async () => {
    const other = { ...weather, name: 'other' };
    const named = await client.messages.create({
      ...{ ...greedy, tools: [weather, other], tool_choice: { type: 'tool', name: 'other' } },
    });
    expect(named.content).toMatchObject([{ type: 'tool_use', name: 'other' }]);
    const stream = client.messages.stream({
      ...{ ...greedy, max_tokens: 200, tools: [weather], tool_choice: { type: 'any' } },
    });
    const several = await stream.finalMessage();
    expect(several.content.length).toBeGreaterThan(1);
    for (const block of several.content) expect(block).toMatchObject({ name: 'get_weather' });
    // The model wanted to go on: what there is was closed, and that is said.
    expect(several.stop_reason).toBe('max_tokens');
  });

  test('results come in any order, may be empty or tell of a failure', async () => {
    const calls = { role: 'assistant' as const, content: [use('a', 'Rome'), use('b', 'Paris')] };
    const go = async (results: ReturnType<typeof result>[]) => {
      const message = await client.messages.create({
        ...{ ...greedy, max_tokens: 12 },
        messages: [user, calls, { role: 'user', content: results }],
      });
      return message.content.map((block) => (block.type === 'text' ? block.text : '')).join('');
    };
    const text = await go([result('a', 'warm'), result('b', 'cold')]);
    expect(text).not.toBe('');
    expect(await go([result('b', 'cold'), result('a', 'warm')])).toBe(text);
    const tokens = async (content: ReturnType<typeof result>): Promise<number> => {
      const messages = [
        user,
        { role: 'assistant' as const, content: [use('a', 'Rome')] },
        { role: 'user' as const, content: [content] },
      ];
      return (await client.messages.countTokens({ model: STORIES_ID, messages })).input_tokens;
    };
    const plain = await tokens(result('a', 'warm'));
    expect(await tokens(result('a', 'warm', { is_error: true }))).toBeGreaterThan(plain);
    expect(await tokens(result('a'))).toBeLessThan(plain);
  });
});

test('tools are counted, unless none may be called', async () => {
  const model = STORIES_ID;
  const count = async (fields: object): Promise<number> =>
    (await client.messages.countTokens({ model, messages: [user], ...fields })).input_tokens;
  const plain = await count({});
  const told = await count({ tools: [weather] });
  expect(told).toBeGreaterThan(plain + 50);
  expect(await count({ tools: [weather], tool_choice: { type: 'none' } })).toBe(plain);
  const { usage } = await client.messages.create({ ...greedy, tools: [weather] });
  expect(usage.input_tokens + (usage.cache_read_input_tokens ?? 0)).toBe(told);
});

const open = { role: 'assistant', content: [use('a', 'Rome')] };
const schema = { type: 'object', properties: { a: { type: 'string' } } };

test.each<[string, object, string, string]>([
  [
    'a result of no call',
    { messages: [{ role: 'user', content: [result('x')] }] },
    'messages[0].content',
    'no call',
  ],
  ['an open call', { messages: [user, open] }, 'messages[1].content', 'tool_result'],
  [
    'talk before a result',
    {
      messages: [user, open, { role: 'user', content: [{ type: 'text', text: 'b' }, result('a')] }],
    },
    'messages[2].content',
    'before any text',
  ],
  [
    'a call by the user',
    { messages: [{ role: 'user', content: [use('a', 'Rome')] }] },
    'messages[0].content[0].type',
    '"assistant"',
  ],
  [
    'an image',
    { messages: [{ role: 'user', content: [{ type: 'image' }] }] },
    'messages[0].content[0].type',
    'not supported yet',
  ],
  [
    'a tool of the server',
    { tools: [{ type: 'bash_20250124', name: 'bash' }] },
    'tools[0].type',
    '"custom"',
  ],
  [
    'a schema that is not honoured',
    { tools: [{ ...weather, input_schema: { ...schema, dependentSchemas: { a: {} } } }] },
    'tools[0].input_schema',
    'dependentSchemas',
  ],
  [
    'a format of an answer that is begun',
    {
      messages: [user, { role: 'assistant', content: '{' }],
      output_config: { format: { type: 'json_schema', schema } },
    },
    'output_config.format.schema',
    'begins one',
  ],
])('refused: %s', async (_what, fields, param, part) => {
  const response = await server.post('/v1/messages', { ...greedy, ...fields });
  const { error } = await response.json<{ error: { param: string; message: string } }>();
  expect([response.status, error.param], error.message).toEqual([400, param]);
  expect(error.message).toContain(part);
});
