/** /v1/responses with tools of MCP servers: lists, calls, approvals, and servers that are bad. */
import { createServer } from 'node:http';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { inputItemSchema, outputItemSchema } from '../../worker/apis/responses/item-schema.ts';
import { responseEventSchema, responseSchema } from '../../worker/apis/responses/schema.ts';
import { sseData, startTestServer, STORIES_ID, type TestServer } from '../support/http-server.ts';
import { closeServer, HUGE_CHARS, listen, startMcpServer } from '../support/mcp-server.ts';
import type { TestMcpServer } from '../support/mcp-server.ts';
import { answerFaults } from '../support/openai-schema.ts';

type Item = OpenAI.Responses.ResponseOutputItem;
type McpCall = Extract<Item, { type: 'mcp_call' }>;
type Params = OpenAI.Responses.ResponseCreateParamsNonStreaming;

let remote: TestMcpServer;
/** One that is not on the list. */
let other: TestMcpServer;
let dead: string;
let server: TestServer;
let openai: OpenAI;
beforeAll(async () => {
  other = await startMcpServer();
  remote = await startMcpServer({
    '/mcp/moved': '/mcp/here',
    '/mcp/away': other.url,
    '/mcp/up': '/secret',
    '/mcp/round': '/mcp/round',
  });
  const gone = createServer();
  dead = `${await listen(gone)}/mcp`;
  await closeServer(gone);
  // own server: it has a list of MCP servers.
  server = await startTestServer({
    vars: { MCP_SERVERS: `${remote.url}, ${dead}`, MCP_TIMEOUT_S: '2' },
  });
  openai = new OpenAI({ baseURL: `${server.url}/v1`, apiKey: 'none', maxRetries: 0 });
});
afterAll(async () => {
  await server.close();
  await remote.close();
  await other.close();
});

type McpTool = OpenAI.Responses.Tool.Mcp;
const tool = (name: string, more: Partial<McpTool> = {}): McpTool => ({
  ...{ type: 'mcp', server_label: 'lamp', server_url: remote.url },
  ...{ allowed_tools: [name], require_approval: 'never' },
  ...more,
});
const greedy = { model: STORIES_ID, temperature: 0, max_output_tokens: 120 };
/** The first round calls `name`, the next ones as the model likes. */
const calling = (name: string, more: Partial<McpTool> = {}) => ({
  ...{ ...greedy, input: 'Once upon a time', tools: [tool(name, more)] },
  tool_choice: { type: 'mcp' as const, server_label: 'lamp', name },
  parallel_tool_calls: false,
});

function checkItems(output: readonly unknown[]): void {
  for (const item of output)
    expect(outputItemSchema.safeParse(item).error?.issues ?? []).toEqual([]);
}
function callOf(output: readonly Item[]): McpCall {
  const call = output.find((item) => item.type === 'mcp_call');
  if (call === undefined) throw new Error(JSON.stringify(output));
  return call;
}
async function refusal(asked: Promise<unknown>): Promise<[number, string, string]> {
  const error: unknown = await asked.catch((error: unknown) => error);
  if (!(error instanceof OpenAI.APIError)) throw new Error('not refused');
  return [Number(error.status), String(error.code), `${error.param}: ${error.message}`];
}

describe('a call', () => {
  test('is made by the server, and the model goes on from its result', async () => {
    const before = remote.calls.length;
    const response = await openai.responses.create(calling('weather'));
    checkItems(response.output);
    const [list, call, ...rest] = response.output;
    if (list?.type !== 'mcp_list_tools' || call?.type !== 'mcp_call') throw new Error('no call');
    expect(list).toMatchObject({ server_label: 'lamp', error: null });
    expect(list.tools.map(({ name }) => name)).toEqual(['weather']);
    expect(call).toMatchObject({
      ...{ server_label: 'lamp', name: 'weather', status: 'completed', output: '31 degrees' },
      ...{ error: null, approval_request_id: null },
    });
    const [first] = remote.calls.slice(before);
    expect(first).toEqual({ name: 'weather', args: JSON.parse(call.arguments) as unknown });
    expect(rest.at(-1)?.type).toBe('message');
    // Both rounds are counted: the second one reads the first one's call.
    expect(response.usage?.input_tokens).toBeGreaterThan(200);
    expect(response.tools).toMatchObject([{ type: 'mcp', server_url: remote.url }]);
    expect(response.tool_choice).toEqual({ type: 'mcp', server_label: 'lamp', name: 'weather' });
  });

  test('is told of by events of the published schema', async () => {
    const body = { ...calling('weather'), stream: true };
    const data = await Array.fromAsync(sseData(await server.post('/v1/responses', body)));
    const events = data.map((text) => responseEventSchema.parse(JSON.parse(text)));
    for (const event of events)
      expect(answerFaults('POST /v1/responses', 'text/event-stream', event)).toEqual([]);
    expect(events.map((event) => event.sequence_number)).toEqual(events.map((_, i) => i));
    expect(events.map(({ type }) => type).slice(0, 14)).toEqual([
      'response.created',
      'response.in_progress',
      'response.output_item.added',
      'response.mcp_list_tools.in_progress',
      'response.mcp_list_tools.completed',
      'response.output_item.done',
      'response.output_item.added',
      'response.mcp_call.in_progress',
      'response.mcp_call_arguments.delta',
      'response.mcp_call_arguments.done',
      'response.mcp_call.completed',
      'response.output_item.done',
      'response.output_item.added',
      'response.content_part.added',
    ]);
    const last = events.at(-1);
    if (last === undefined || !('response' in last)) throw new Error('no last event');
    const done = events.filter((event) => event.type === 'response.output_item.done');
    expect(done.map(({ item }) => item)).toEqual(last.response.output);
    expect(done.map((event) => event.output_index)).toEqual(done.map((_, i) => i));
    const stored = await fetch(`${server.url}/v1/responses/${last.response.id}`);
    expect(responseSchema.parse(await stored.json())).toEqual(last.response);
  });

  test('is part of the conversation that goes on', async () => {
    const first = await openai.responses.create(calling('weather'));
    const input = 'And then?';
    const second = await openai.responses.create({
      ...{ ...greedy, input, previous_response_id: first.id, max_output_tokens: 4 },
    });
    const { data } = await openai.responses.inputItems.list(second.id, { order: 'asc' });
    for (const item of data)
      expect(inputItemSchema.safeParse(item).error?.issues ?? []).toEqual([]);
    const body = {
      object: 'list',
      data,
      first_id: data[0]?.id,
      last_id: data.at(-1)?.id,
      has_more: false,
    };
    expect(
      answerFaults('GET /v1/responses/{response_id}/input_items', 'application/json', body),
    ).toEqual([]);
    expect(data).toMatchObject([
      { type: 'message', role: 'user' },
      { type: 'mcp_call', name: 'weather', output: '31 degrees' },
      ...first.output.slice(2).map(({ type }) => ({ type })),
      { type: 'message', role: 'user' },
    ]);
    // The same, sent again by a client that has nothing stored.
    const resent = await openai.responses.create({
      ...{ ...greedy, max_output_tokens: 4, store: false },
      input: [
        { role: 'user', content: 'Once upon a time' },
        ...(first.output as OpenAI.Responses.ResponseInputItem[]),
        { role: 'user', content: input },
      ],
    });
    expect(resent.output_text).toBe(second.output_text);
  });

  test('has a name of its own beside a function of the same name', async () => {
    const own = { type: 'function' as const, name: 'weather', parameters: {}, strict: false };
    const asked = calling('weather');
    const response = await openai.responses.create({ ...asked, tools: [own, ...asked.tools] });
    expect(callOf(response.output)).toMatchObject({ name: 'weather', status: 'completed' });
  });

  test('of a tool whose name no model can call is made by its own name', async () => {
    const response = await openai.responses.create(calling('notes.write'));
    expect(callOf(response.output)).toMatchObject({ name: 'notes.write', output: 'written' });
  });

  test('has the headers of the request, which are not kept', async () => {
    const nBefore = remote.headers.length;
    const more = { headers: { 'X-Team': 'lamps' }, authorization: 'secret-token' };
    const response = await openai.responses.create(calling('weather', more));
    const sent = remote.headers.slice(nBefore);
    expect(sent.length).toBeGreaterThanOrEqual(4);
    for (const headers of sent)
      expect(headers).toMatchObject({ 'x-team': 'lamps', authorization: 'Bearer secret-token' });
    const stored = await fetch(`${server.url}/v1/responses/${response.id}`);
    const text = JSON.stringify(response) + (await stored.text());
    expect(text).not.toContain('secret-token');
    expect(text).not.toContain('lamps');
  });

  test('leaves the rounds after it what is left of the tokens', async () => {
    const response = await openai.responses.create({
      ...calling('weather'),
      max_output_tokens: 90,
    });
    expect(callOf(response.output).status).toBe('completed');
    expect(response.status).toBe('incomplete');
    expect(response.usage?.output_tokens).toBe(90);
  });
});

describe('a result', () => {
  test('that is an error is one that the model reads', async () => {
    const response = await openai.responses.create(calling('broken'));
    const call = callOf(response.output);
    expect(call).toMatchObject({ status: 'failed', output: null });
    expect(call.error).toEqual({
      ...{ type: 'mcp_tool_execution_error', content: [{ type: 'text', text: 'the lamp is out' }] },
    });
    expect(response.output.at(-1)?.type).toBe('message');
  });

  test('that is huge is cut', async () => {
    const response = await openai.responses.create(calling('huge'));
    const { output } = callOf(response.output);
    expect(output).toMatch(/^sea sea .*\[cut: \d+ more characters\]$/s);
    expect(output?.length).toBeLessThan(HUGE_CHARS / 50);
    expect(response.output.at(-1)?.type).toBe('message');
  });

  test('that has no end is given up', async () => {
    const call = callOf((await openai.responses.create(calling('flood'))).output);
    expect(call.status).toBe('failed');
    expect(call.error).toMatchObject({
      ...{ type: 'mcp_protocol_error', message: expect.stringContaining('larger than') as string },
    });
  });

  test('that does not come is given up', async () => {
    const call = callOf((await openai.responses.create(calling('slow'))).output);
    expect(call.error).toMatchObject({ type: 'http_error', code: 504 });
  });

  test('that is no text is named', async () => {
    const call = callOf((await openai.responses.create(calling('picture'))).output);
    expect(call.output).toBe('A picture:\n[image: left out]');
  });

  test('is redacted where the request asks for it', async () => {
    const response = await openai.responses.create({
      ...calling('letter'),
      redact: true,
    } as Params);
    expect(callOf(response.output).output).toContain('ada@example.org');
    const stored = await fetch(`${server.url}/v1/responses/${response.id}`);
    const text = await stored.text();
    expect(text).toContain('<EMAIL_1>');
    expect(text).not.toContain('ada@example.org');
  });
});

describe('an approval', () => {
  const asked = async (more: Partial<Params> = {}) =>
    await openai.responses.create({
      ...calling('weather', { require_approval: 'always' }),
      ...more,
    });
  const requestOf = (output: readonly Item[]) => {
    const request = output.find((item) => item.type === 'mcp_approval_request');
    if (request === undefined) throw new Error(JSON.stringify(output));
    return request;
  };
  const answering = (id: string, approve: boolean): OpenAI.Responses.ResponseInputItem => ({
    ...{ type: 'mcp_approval_response', approval_request_id: id, approve },
  });
  const later = () => ({
    ...{ ...greedy, tools: [tool('weather', { require_approval: 'always' })] },
  });

  test('is asked for before anything is called', async () => {
    const before = remote.calls.length;
    const { require_approval: _, ...bare } = tool('weather');
    // As OpenAI's default has it.
    for (const response of [await asked(), await asked({ tools: [bare] })]) {
      expect(response.status).toBe('completed');
      expect(response.output.map(({ type }) => type)).toEqual([
        'mcp_list_tools',
        'mcp_approval_request',
      ]);
      checkItems(response.output);
      expect(answerFaults('POST /v1/responses', 'application/json', response)).toEqual([]);
    }
    expect(remote.calls.length).toBe(before);
  });

  test('that is given makes the call, once', async () => {
    const before = remote.calls.length;
    const first = await asked();
    const request = requestOf(first.output);
    const continued = { ...later(), previous_response_id: first.id };
    const second = await openai.responses.create({
      ...{ ...continued, tool_choice: 'none' as const, input: [answering(request.id, true)] },
      tool_choice: 'auto',
    });
    checkItems(second.output);
    expect(callOf(second.output)).toMatchObject({
      ...{ approval_request_id: request.id, output: '31 degrees', arguments: request.arguments },
    });
    expect(remote.calls.slice(before)[0]?.args).toEqual(JSON.parse(request.arguments));
    const third = openai.responses.create({
      ...{ ...later(), previous_response_id: second.id, input: [answering(request.id, true)] },
    });
    expect((await refusal(third)).slice(0, 2)).toEqual([400, 'E_REQUEST_INVALID']);
    const { data } = await openai.responses.inputItems.list(second.id, { order: 'asc' });
    const body = {
      object: 'list',
      data,
      first_id: data[0]?.id,
      last_id: data.at(-1)?.id,
      has_more: false,
    };
    expect(
      answerFaults('GET /v1/responses/{response_id}/input_items', 'application/json', body),
    ).toEqual([]);
  });

  test('that is refused makes none, and the model is told', async () => {
    const first = await asked();
    const before = remote.calls.length;
    const second = await openai.responses.create({
      ...{ ...greedy, previous_response_id: first.id, max_output_tokens: 8 },
      input: [answering(requestOf(first.output).id, false)],
    });
    expect(remote.calls.length).toBe(before);
    expect(second.output.map(({ type }) => type)).toEqual(['message']);
  });

  test('works where nothing is stored', async () => {
    const first = await asked({ store: false });
    const request = requestOf(first.output);
    const second = await openai.responses.create({
      ...{ ...later(), store: false },
      input: [
        { role: 'user', content: 'Once upon a time' },
        ...(first.output as OpenAI.Responses.ResponseInputItem[]),
        answering(request.id, true),
      ],
    });
    expect(callOf(second.output)).toMatchObject({ output: '31 degrees' });
  });

  test('gives the server placeholders, not what was redacted', async () => {
    const args = JSON.stringify({ city: 'ada@example.org' });
    const request = { type: 'mcp_approval_request' as const, id: 'mcpr_1', arguments: args };
    const response = await openai.responses.create({
      ...{ ...greedy, tools: [tool('echo')], redact: true },
      input: [
        { role: 'user', content: 'Once upon a time' },
        { ...request, server_label: 'lamp', name: 'echo' },
        answering('mcpr_1', true),
      ],
    } as Params);
    expect(callOf(response.output).arguments).toBe(args);
    expect(remote.calls.at(-1)).toEqual({ name: 'echo', args: { city: '<EMAIL_1>' } });
  });

  test('is asked for by filters', async () => {
    const filters = { never: { read_only: true } };
    const free = await openai.responses.create(calling('weather', { require_approval: filters }));
    expect(callOf(free.output).status).toBe('completed');
    const bound = await openai.responses.create(
      calling('notes.write', { require_approval: filters }),
    );
    expect(bound.output.at(-1)?.type).toBe('mcp_approval_request');
  });

  test('of nothing is refused', async () => {
    const input = [answering('mcpr_nothing', true)];
    const [status, code, message] = await refusal(openai.responses.create({ ...later(), input }));
    expect([status, code]).toEqual([400, 'E_REQUEST_INVALID']);
    expect(message).toContain('input[0].approval_request_id');
    const first = await asked();
    const without = openai.responses.create({
      ...{ ...greedy, previous_response_id: first.id },
      input: [answering(requestOf(first.output).id, true)],
    });
    expect((await refusal(without))[2]).toContain('tools');
  });
});

describe('a server', () => {
  const asking = (url: string) => openai.responses.create(calling('weather', { server_url: url }));

  test('that is not on the list is not asked, and the setting is named', async () => {
    const before = other.headers.length;
    const origin = new URL(remote.url).origin;
    const { port } = new URL(remote.url);
    for (const url of [
      other.url,
      `${origin}/other`,
      `${origin}/mcp-evil`,
      `${origin}/mcp/../secret`,
      `${origin}/mcp/%2e%2e/secret`,
      'https://example.com/mcp',
      `https://127.0.0.1:${port}/mcp`,
    ]) {
      const [status, code, message] = await refusal(asking(url));
      expect([url, status, code]).toEqual([url, 400, 'E_REQUEST_INVALID']);
      expect(message).toContain('tools[0].server_url');
      expect(message).toContain('MCP_SERVERS');
    }
    expect(other.headers.length).toBe(before);
  });

  test.each([
    ['http://example.com/mcp', 'https'],
    ['ftp://127.0.0.1/mcp', 'https'],
    ['file:///etc/passwd', 'https'],
    ['http://user:word@127.0.0.1/mcp', 'authorization'],
    ['nothing', 'address'],
  ])('%s is no address of one', async (url, what) => {
    const [status, , message] = await refusal(asking(url));
    expect(status).toBe(400);
    expect(message).toContain(what);
  });

  test('that is dead, or away, is an error with its own status', async () => {
    for (const url of [dead, `${remote.url}/away`, `${remote.url}/up`, `${remote.url}/round`]) {
      const [status, code, message] = await refusal(asking(url));
      expect([url, status, code]).toEqual([url, 424, 'E_MCP_SERVER']);
      expect(message).toContain('"lamp"');
    }
    expect(other.headers.length).toBe(0);
  });

  test('that has moved within the list is followed', async () => {
    const response = await asking(`${remote.url}/moved`);
    expect(callOf(response.output).status).toBe('completed');
  });

  test.each([
    [{ headers: { Host: 'a' } }, 'headers'],
    [{ headers: { 'a b': 'c' } }, 'headers'],
    [{ headers: { a: 'b\r\nc: d' } }, 'headers'],
    [{ server_label: '1 a' }, 'server_label'],
    [{ connector_id: 'connector_gmail', server_url: undefined }, 'server_url'],
    [{ require_approval: 'sometimes' }, 'require_approval'],
  ])('with %j is refused by its field', async (more, field) => {
    const asked = calling('weather', more as Partial<McpTool>);
    const [status, , message] = await refusal(openai.responses.create(asked));
    expect(status).toBe(400);
    expect(message).toContain(field);
  });

  test('that is there twice, or lacks the tool that is chosen, is refused', async () => {
    const asked = calling('weather');
    const twice = openai.responses.create({ ...asked, tools: [...asked.tools, ...asked.tools] });
    expect((await refusal(twice))[2]).toContain('tools[1].server_label');
    const choice = { type: 'mcp' as const, server_label: 'lamp', name: 'huge' };
    const without = openai.responses.create({ ...asked, tool_choice: choice });
    expect((await refusal(without))[2]).toContain('tool_choice');
  });

  test('is left when the client leaves', async () => {
    const before = remote.left();
    const body = { ...calling('slow'), stream: true, store: false };
    const abort = new AbortController();
    const response = await server.post('/v1/responses', body, { signal: abort.signal });
    for await (const data of sseData(response))
      if (data.includes('response.mcp_call.in_progress')) break;
    abort.abort();
    await expect.poll(() => remote.left()).toBeGreaterThan(before);
  });

  test('is asked in the background, too', async () => {
    const { id } = await openai.responses.create({ ...calling('weather'), background: true });
    const done = async () => (await openai.responses.retrieve(id)).status;
    await expect.poll(done).not.toBe('in_progress');
    expect(callOf((await openai.responses.retrieve(id)).output).output).toBe('31 degrees');
    const failing = calling('weather', { server_url: dead });
    const bad = refusal(openai.responses.create({ ...failing, background: true }));
    expect((await bad)[0]).toBe(424);
  });
});

test('a deployment without a list asks nobody', async () => {
  // own server: without a list.
  const bare = await startTestServer();
  try {
    const response = await bare.post('/v1/responses', calling('weather'));
    const { error } = await response.json<{ error: { message: string } }>();
    expect([response.status, error.message]).toEqual([
      400,
      expect.stringContaining('MCP_SERVERS') as string,
    ]);
  } finally {
    await bare.close();
  }
});
