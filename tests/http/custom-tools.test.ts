/** Custom tools: their calls have a text as input, with OpenAI's own client. */
import OpenAI, { APIError } from 'openai';
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

const DEFINITION = String.raw`move "(left|right)"\n[0-9]{1,2} steps`;
const INPUT = new RegExp(`^${DEFINITION}$`);

async function failure(promise: Promise<unknown>): Promise<APIError> {
  const error: unknown = await promise.catch((caught: unknown) => caught);
  if (error instanceof APIError) return error;
  throw new Error('no failure of the API');
}

describe('chat completions', () => {
  const messages: ChatCompletionMessageParam[] = [{ role: 'user', content: 'Once' }];
  const move: ChatCompletionTool = {
    type: 'custom',
    custom: {
      name: 'move',
      format: { type: 'grammar', grammar: { syntax: 'regex', definition: DEFINITION } },
    },
  };
  const note: ChatCompletionTool = { type: 'custom', custom: { name: 'note' } };
  const forced = { type: 'custom' as const, custom: { name: 'move' } };
  const request = { model: STORIES_ID, messages, temperature: 0, max_tokens: 200 };

  test('a call has an input that matches its grammar, whole and streamed', async () => {
    const asked = { ...request, tools: [move, note], tool_choice: forced };
    const whole = await client.chat.completions.create(asked);
    const [choice] = whole.choices;
    expect(choice?.finish_reason).toBe('tool_calls');
    const [call] = choice?.message.tool_calls ?? [];
    if (call?.type !== 'custom') throw new Error(`a call of type ${call?.type}`);
    expect(call.custom.name).toBe('move');
    expect(call.custom.input).toMatch(INPUT);
    let [name, input] = ['', ''];
    const stream = await client.chat.completions.create({ ...asked, stream: true });
    for await (const { choices } of stream) {
      // The client's types know only functions in streams.
      for (const delta of choices[0]?.delta.tool_calls ?? []) {
        const { custom } = delta as { custom?: { name?: string; input?: string } };
        name += custom?.name ?? '';
        input += custom?.input ?? '';
      }
    }
    expect([name, input]).toEqual(['move', call.custom.input]);
    const next = await client.chat.completions.create({
      ...{ ...request, max_tokens: 8, tools: [move] },
      messages: [
        ...messages,
        { role: 'assistant', content: null, tool_calls: [call] },
        { role: 'tool', tool_call_id: call.id, content: 'moved' },
      ],
    });
    expect(next.choices[0]?.message.content).toMatch(/./);
  });

  test('what is not supported is refused by name', async () => {
    const create = (tool: unknown) =>
      client.chat.completions.create({ ...request, tools: [tool as ChatCompletionTool] });
    const lark = { type: 'grammar', grammar: { syntax: 'lark', definition: 'start: "a"' } };
    const refusals: (readonly [unknown, string])[] = [
      [
        { type: 'custom', custom: { name: 'a', format: lark } },
        'tools[0].custom.format.grammar.syntax',
      ],
      [{ type: 'custom', custom: {} }, 'tools[0].custom.name'],
      [{ type: 'other', custom: {} }, 'tools[0].type'],
    ];
    for (const [tool, param] of refusals) {
      const error = await failure(create(tool));
      expect([error.status, error.param]).toEqual([400, param]);
    }
    const wrong = { ...lark, grammar: { syntax: 'regex', definition: '(' } };
    const broken = await failure(create({ type: 'custom', custom: { name: 'a', format: wrong } }));
    expect(broken.param).toMatch(/^tools\[0\]\.custom\.format\.grammar\.definition/);
  });
});

describe('responses', () => {
  const move: OpenAI.Responses.Tool = {
    type: 'custom',
    name: 'move',
    format: { type: 'grammar', syntax: 'regex', definition: DEFINITION },
  };
  const request = { model: STORIES_ID, input: 'Once', temperature: 0, max_output_tokens: 200 };
  const forced = { ...request, tools: [move], tool_choice: { type: 'custom', name: 'move' } };
  const asked = forced as OpenAI.Responses.ResponseCreateParamsNonStreaming;

  test('a call is an item with an input, which its output answers', async () => {
    const whole = await client.responses.create(asked);
    expect(whole.tools).toEqual([move]);
    const [call] = whole.output;
    if (call?.type !== 'custom_tool_call') throw new Error(`an item of type ${call?.type}`);
    expect([call.name, call.id?.startsWith('ctc_')]).toEqual(['move', true]);
    expect(call.input).toMatch(INPUT);
    const output = {
      type: 'custom_tool_call_output',
      call_id: call.call_id,
      output: 'moved',
    } as const;
    const next = await client.responses.create({
      ...{ ...request, max_output_tokens: 8, tools: [move] },
      ...{ previous_response_id: whole.id, input: [output] },
    });
    expect(next.output_text).toMatch(/./);
    const { data } = await client.responses.inputItems.list(next.id, { order: 'asc' });
    expect(data.map(({ type }) => type)).toEqual([
      ...['message', 'custom_tool_call', 'custom_tool_call_output'],
    ]);
    const again = await client.responses.create({
      ...{ ...request, max_output_tokens: 8, tools: [move], store: false },
      input: [{ role: 'user', content: 'Once' }, call, output],
    });
    expect(again.output_text).toBe(next.output_text);
  });

  test('an input is streamed', async () => {
    const whole = await client.responses.create(asked);
    const [call] = whole.output;
    if (call?.type !== 'custom_tool_call') throw new Error(`an item of type ${call?.type}`);
    const stream = await client.responses.create({ ...asked, stream: true });
    let input = '';
    const ends: string[] = [];
    for await (const event of stream) {
      if (event.type === 'response.custom_tool_call_input.delta') input += event.delta;
      if (event.type === 'response.custom_tool_call_input.done') ends.push(event.input);
    }
    expect(input).toBe(call.input);
    expect(ends).toEqual([call.input]);
  });
});
