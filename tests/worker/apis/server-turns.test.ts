/** Rounds of calls of MCP servers, by a model that calls whenever it may. */
import { createServer } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { NO_USAGE } from '../../../engine/generate/types.ts';
import { MAX_ROUNDS, serverTurns } from '../../../worker/apis/responses/mcp/turns.ts';
import type { RoundTools, TurnsPlan } from '../../../worker/apis/responses/mcp/turns.ts';
import { openServers } from '../../../worker/apis/responses/mcp/servers.ts';
import type { McpServers } from '../../../worker/apis/responses/mcp/servers.ts';
import { contentText, textMessage } from '../../../worker/serving/conversation/message.ts';
import type { Message } from '../../../worker/serving/conversation/message.ts';
import type { ServingEnv } from '../../../worker/serving/env.ts';
import type { Delta } from '../../../worker/serving/generation/run-generation.ts';
import { closeServer, listen, startMcpServer } from '../../support/mcp-server.ts';
import type { TestMcpServer } from '../../support/mcp-server.ts';

let remote: TestMcpServer;
let servers: McpServers;
const { signal } = new AbortController();
beforeAll(async () => {
  remote = await startMcpServer();
  servers = await open(remote.url);
});
afterAll(() => remote.close());

async function open(url: string): Promise<McpServers> {
  const env = { ACCESS: 'local', MCP_SERVERS: url } as ServingEnv;
  const tool = { type: 'mcp' as const, server_label: 'lamp', server_url: url };
  const opened = await openServers(
    env,
    { tools: [{ ...tool, require_approval: 'never' }] },
    signal,
  );
  if (opened === null) throw new Error('no servers');
  return opened;
}

const usage = { ...NO_USAGE, promptTokens: 10, completionTokens: 3 };

/** A model that calls each of `names` at once while it may, else says "done". */
async function* callsAlways(
  names: readonly string[],
  use: RoundTools,
): AsyncGenerator<Delta, void, void> {
  yield { type: 'start', usage, choice: 0 };
  if (use === 'none') yield { type: 'text', text: 'done', tokens: [], choice: 0 };
  else
    for (const [index, name] of names.entries()) {
      yield { type: 'call', index, id: `call_${name}`, name, choice: 0 };
      yield { type: 'arguments', index, text: '{"city":', choice: 0 };
      yield { type: 'arguments', index, text: '"Rome"}', choice: 0 };
    }
  const reason = use === 'none' ? ('stop' as const) : ('tool_calls' as const);
  yield { type: 'done', reason, stop: null, usage, choice: 0 };
}

async function run(names: readonly string[], more: Partial<TurnsPlan> = {}) {
  const rounds: { use: RoundTools; messages: readonly Message[]; left: number | undefined }[] = [];
  const plan: TurnsPlan = {
    ...{
      servers,
      approved: [],
      messages: [],
      isFree: true,
      readsWritten: true,
      maxTokens: undefined,
      redactor: null,
      signal,
    },
    fit: (text) => text,
    async *generate(messages, use, left) {
      rounds.push({ use, messages: [...messages], left });
      yield* callsAlways(names, use);
    },
    ...more,
  };
  const deltas = await Array.fromAsync(serverTurns(plan));
  return { rounds, deltas, types: deltas.map(({ type }) => type) };
}

test('a model that always calls has to answer in the end', async () => {
  const { rounds, deltas } = await run(['weather']);
  expect(rounds.map(({ use }) => use)).toEqual([
    'asked',
    ...Array.from({ length: MAX_ROUNDS - 1 }, () => 'auto'),
    'none',
  ]);
  const results = deltas.filter(({ type }) => type === 'server_result');
  expect(results).toHaveLength(MAX_ROUNDS);
  const last = deltas.at(-1);
  expect(last).toMatchObject({
    ...{ type: 'done', reason: 'stop' },
    usage: { promptTokens: 10 * (MAX_ROUNDS + 1), completionTokens: 3 * (MAX_ROUNDS + 1) },
  });
});

test('results are answers of the tool, after the calls of the assistant', async () => {
  const { rounds } = await run(['weather', 'letter']);
  const [call, ...answers] = rounds[1]!.messages;
  expect(call).toMatchObject({ role: 'assistant', tool_calls: [{ id: 'call_weather' }, {}] });
  expect(answers.map(({ role, tool_call_id: id }) => [role, id])).toEqual([
    ['tool', 'call_weather'],
    ['tool', 'call_letter'],
  ]);
  expect(contentText(answers[0]!.content)).toBe('31 degrees');
  for (const { messages } of rounds)
    for (const { role, content } of messages)
      if (role === 'system' || role === 'assistant')
        expect(contentText(content)).not.toMatch(/31 degrees|ada@/);
});

test('an answer without calls is made from quoted results before the question', async () => {
  const question = textMessage('user', 'Is it warm?');
  const { rounds } = await run(['weather'], { messages: [question], isFree: false });
  expect(rounds.map(({ use }) => use)).toEqual(['asked', 'none']);
  const [system, user, ...others] = rounds[1]!.messages;
  expect(others).toEqual([]);
  expect(system?.role).toBe('system');
  expect(user?.role).toBe('user');
  expect(contentText(user!.content)).toBe('<passages>\n[1] 31 degrees\n</passages>\n\nIs it warm?');
});

/** A model that writes `text` first, in pieces, and "done" once it has no tools. */
async function* writes(text: string, use: RoundTools): AsyncGenerator<Delta, void, void> {
  yield { type: 'start', usage, choice: 0 };
  for (const piece of use === 'none' ? ['done'] : text.match(/.{1,4}/gs)!)
    yield { type: 'text', text: piece, tokens: [], choice: 0 };
  yield { type: 'done', reason: 'stop', stop: null, usage, choice: 0 };
}
const CALL = '{"name": "weather", "arguments": {"city": "Rome"}}';

test.each([
  ['bare', CALL],
  ['in a block of code', `\n\`\`\`json\n${CALL}\n\`\`\``],
  ['twice', `${CALL}\n${CALL}`],
])('a call that is written %s is made once', async (_, text) => {
  const uses: RoundTools[] = [];
  const { deltas } = await run([], {
    generate(_messages, use) {
      uses.push(use);
      return writes(text, use);
    },
  });
  expect(uses).toEqual(['asked', 'none']);
  const calls = deltas.filter((delta) => delta.type === 'server_call');
  expect(calls).toMatchObject([{ name: 'weather', arguments: '{"city":"Rome"}' }]);
  expect(deltas.flatMap((delta) => (delta.type === 'text' ? [delta.text] : []))).toEqual(['done']);
});

test('a call that is written is text where the request asks for JSON', async () => {
  const generate = (_messages: readonly Message[], use: RoundTools) => writes(CALL, use);
  const { types } = await run([], { readsWritten: false, generate });
  expect(types).not.toContain('server_call');
});

test.each([
  'The weather',
  '{"name": "nothing", "arguments": {}}',
  '{"name": "weather", "arguments": "Rome"}',
  '{"name": "weather"',
  '```js\nlet a = 1;\n```',
  `Here it is: ${CALL}`,
  `{${'a'.repeat(5000)}`,
])('%.40j is an answer', async (text) => {
  const { deltas } = await run([], { generate: (_messages, use) => writes(text, use) });
  expect(deltas.filter((delta) => delta.type === 'server_call')).toEqual([]);
  expect(deltas.map((delta) => (delta.type === 'text' ? delta.text : '')).join('')).toBe(text);
});

test('a call beside one of the own functions ends the answer', async () => {
  const { rounds, types, deltas } = await run(['weather', 'own']);
  expect(rounds).toHaveLength(1);
  expect(types).toEqual([
    ...['start', 'server_tools', 'call', 'arguments', 'arguments'],
    ...['server_call', 'server_result', 'done'],
  ]);
  expect(deltas.at(-1)).toMatchObject({ reason: 'tool_calls' });
});

test('all rounds share the tokens of the answer', async () => {
  const { rounds, deltas } = await run(['weather'], { maxTokens: 7 });
  expect(rounds.map(({ left }) => left)).toEqual([7, 4, 1]);
  expect(deltas.at(-1)).toMatchObject({ type: 'done', reason: 'length' });
});

test('a server that dies between list and call fails the call', async () => {
  const short = await startMcpServer();
  const opened = await open(short.url);
  await short.close();
  const { deltas } = await run(['weather'], { servers: opened });
  const [result] = deltas.filter((delta) => delta.type === 'server_result');
  expect(result).toMatchObject({ output: null, error: { type: 'http_error' } });
});

test.each([
  ['text/plain', 'hello'],
  ['application/json', '{"jsonrpc":"2.0","id":1,"result":'],
  ['application/json', '[]'],
  ['application/json', '{"jsonrpc":"2.0","id":2,"result":{}}'],
  ['application/json', '{"jsonrpc":"2.0","id":1}'],
  ['application/json', '{"jsonrpc":"2.0","id":1,"result":{"protocolVersion":"1999"}}'],
  ['application/json', '{"jsonrpc":"2.0","id":1,"error":{"code":-1,"message":"no"}}'],
  [
    'application/json',
    `{"jsonrpc":"2.0","id":1,"result":${'{"a":'.repeat(500)}1${'}'.repeat(500)}}`,
  ],
  ['text/event-stream', ': nothing\n\n'],
  ['text/event-stream', 'data: {"id"\n\n'],
])('a server that answers %s %.60j is a bad one', async (type, body) => {
  const bad = createServer((_, response) =>
    response.writeHead(200, { 'content-type': type }).end(body),
  );
  const url = `${await listen(bad)}/mcp`;
  try {
    await expect(open(url)).rejects.toMatchObject({ code: 'E_MCP_SERVER' });
  } finally {
    await closeServer(bad);
  }
});
