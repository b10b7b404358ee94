/** /v1/ws over a real socket: what is asked there is what a POST gives, many at a time. */
import { request } from 'node:http';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { MAX_REQUESTS, WINDOW_MESSAGES } from '../../worker/apis/websocket/connection.ts';
import { serverMessageSchema } from '../../worker/apis/websocket/message-schema.ts';
import { sseData, shareTestServer, type SharedServer } from '../support/http-server.ts';
import { countRunning } from '../support/outage.ts';

let server: SharedServer;
beforeAll(async () => {
  server = await shareTestServer();
});
afterAll(() => server.close());

interface Message {
  type: 'event' | 'answer' | 'end';
  seq: number;
  id: string;
  data?: { choices?: { text?: string }[]; type?: string };
  status?: number;
  body?: { error?: { code: string; param: string | null }; choices?: { text: string }[] };
  stopped?: boolean;
}

/** A socket and all that came, each message checked against its schema. */
async function connect({ isAcking = true } = {}) {
  const socket = new WebSocket(`${server.url.replace('http', 'ws')}/v1/ws`);
  const messages: Message[] = [];
  const state = { closed: 0 };
  const say = (message: object): void => socket.send(JSON.stringify(message));
  socket.addEventListener('message', ({ data }) => {
    const message = serverMessageSchema.parse(JSON.parse(String(data))) as Message;
    messages.push(message);
    if (isAcking) say({ type: 'ack', seq: message.seq });
  });
  socket.addEventListener('close', ({ code }) => (state.closed = code));
  await new Promise((resolve, reject) => {
    socket.addEventListener('open', resolve);
    socket.addEventListener('error', reject);
  });
  const of = (id: string) => messages.filter((message) => message.id === id);
  const ended = async (id: string): Promise<Message[]> => {
    await expect.poll(() => of(id).at(-1)?.type, { timeout: 10_000 }).toBe('end');
    return of(id);
  };
  const ask = (id: string, path: string, body: object): void =>
    say({ type: 'request', id, path, body });
  return { socket, messages, state, say, ask, of, ended };
}

const greedy = { prompt: 'Once upon a time', temperature: 0, max_tokens: 24 };

test('streamed and whole answers are those of a POST', async () => {
  const { ask, ended, socket, messages } = await connect();
  const posted = await (await server.post('/v1/completions', greedy)).json<Message['body']>();
  const text = posted?.choices?.[0]?.text;
  ask('whole', '/v1/completions', greedy);
  ask('streamed', '/v1/completions', { ...greedy, stream: true });
  const [answer] = await ended('whole');
  expect([answer?.status, answer?.body?.choices?.[0]?.text]).toEqual([200, text]);
  const events = await ended('streamed');
  const joined = events.map(({ data }) => data?.choices?.[0]?.text ?? '').join('');
  expect(joined).toBe(text);
  expect(messages.map(({ seq }) => seq)).toEqual(messages.map((_, i) => i + 1));
  socket.close();
});

test('responses and messages speak there, too', async () => {
  const { ask, ended, socket } = await connect();
  ask('r', '/v1/responses', { input: 'Once', max_output_tokens: 4, stream: true });
  ask('m', '/v1/messages', {
    ...{ max_tokens: 4, stream: true },
    messages: [{ role: 'user', content: 'Once' }],
  });
  expect((await ended('r')).at(-2)?.data?.type).toBe('response.incomplete');
  expect((await ended('m')).at(-2)?.data?.type).toBe('message_stop');
  socket.close();
});

test('a call of a tool comes there, too, in every shape', async () => {
  const { ask, ended, socket } = await connect();
  const city = { enum: ['Paris', 'Rome'] };
  const parameters = { type: 'object', properties: { city }, required: ['city'] };
  const named = { name: 'get_weather' };
  const all = { temperature: 0, stream: true };
  const messages = [{ role: 'user', content: 'Once' }];
  ask('c', '/v1/chat/completions', {
    ...{ ...all, messages, max_tokens: 100 },
    tools: [{ type: 'function', function: { ...named, parameters } }],
    tool_choice: { type: 'function', function: named },
  });
  ask('r', '/v1/responses', {
    ...{ ...all, input: 'Once', max_output_tokens: 100 },
    tools: [{ type: 'function', ...named, parameters }],
    tool_choice: { type: 'function', ...named },
  });
  ask('m', '/v1/messages', {
    ...{ ...all, messages, max_tokens: 100 },
    tools: [{ ...named, input_schema: parameters }],
    tool_choice: { type: 'tool', ...named },
  });
  const [chat, response, message] = await Promise.all(['c', 'r', 'm'].map(ended));
  /** Pieces of arguments, wherever each API has them. */
  const json = (of: Message[] | undefined, pattern: RegExp): unknown => {
    const pieces = (of ?? []).map(
      ({ data }) => pattern.exec(JSON.stringify(data ?? {}))?.[1] ?? '',
    );
    return JSON.parse(pieces.map((piece) => JSON.parse(`"${piece}"`) as string).join(''));
  };
  const read = [
    json(chat, /"arguments":"((?:[^"\\]|\\.)*)"/),
    json(response, /arguments\.delta".*"delta":"((?:[^"\\]|\\.)*)"/),
    json(message, /"partial_json":"((?:[^"\\]|\\.)*)"/),
  ];
  for (const value of read) expect(['Paris', 'Rome']).toContain((value as { city: string }).city);
  socket.close();
});

test('many at once get the text each gets alone', async () => {
  const { ask, ended, socket } = await connect();
  const prompts = Array.from({ length: MAX_REQUESTS }, (_, i) => `Once there were ${i} dogs`);
  prompts.forEach((prompt, i) =>
    ask(String(i), '/v1/completions', { ...greedy, prompt, stream: true }),
  );
  for (const [i, prompt] of prompts.entries()) {
    const events = await ended(String(i));
    const joined = events.map(({ data }) => data?.choices?.[0]?.text ?? '').join('');
    const alone = await (
      await server.post('/v1/completions', { ...greedy, prompt })
    ).json<Message['body']>();
    expect(joined).toBe(alone?.choices?.[0]?.text);
  }
  socket.close();
});

test('errors are answers of their request; the socket goes on', async () => {
  const { ask, ended, socket } = await connect();
  ask('wrong', '/v1/completions', { prompt: 5 });
  ask('nowhere', '/v1/models', {});
  const [wrong] = await ended('wrong');
  expect([wrong?.status, wrong?.body?.error?.param]).toEqual([400, 'prompt']);
  const [nowhere] = await ended('nowhere');
  expect([nowhere?.status, nowhere?.body?.error?.code]).toEqual([404, 'E_NOT_FOUND']);
  ask('right', '/v1/completions', greedy);
  expect((await ended('right'))[0]?.status).toBe(200);
  socket.close();
});

const long = { ...greedy, max_tokens: 480, stream: true };

test('a stop ends the generation', async () => {
  const { ask, say, of, ended, socket } = await connect({ isAcking: false });
  ask('a', '/v1/completions', long);
  await expect.poll(() => of('a').length).toBeGreaterThan(2);
  say({ type: 'stop', id: 'a' });
  const all = await ended('a');
  expect(all.at(-1)?.stopped).toBe(true);
  expect(all.length).toBeLessThanOrEqual(WINDOW_MESSAGES + 1);
  await expect.poll(async () => await countRunning(server)).toBe(0);
  socket.close();
});

test('a client that says nothing is sent a window; then it is on', async () => {
  const { ask, say, messages, ended, socket } = await connect({ isAcking: false });
  ask('a', '/v1/completions', long);
  await expect.poll(() => messages.length, { timeout: 10_000 }).toBe(WINDOW_MESSAGES);
  // It is held, not ended.
  expect(await countRunning(server)).toBeLessThanOrEqual(1);
  expect(messages).toHaveLength(WINDOW_MESSAGES);
  say({ type: 'ack', seq: WINDOW_MESSAGES });
  await expect.poll(() => messages.length).toBeGreaterThan(WINDOW_MESSAGES);
  say({ type: 'ack', seq: messages.length });
  await ended('a');
  socket.close();
});

test('a socket that goes ends what it asked for', async () => {
  const { ask, of, socket } = await connect({ isAcking: false });
  ask('a', '/v1/completions', long);
  ask('b', '/v1/completions', long);
  await expect.poll(() => of('a').length).toBeGreaterThan(2);
  socket.close();
  await expect.poll(async () => await countRunning(server)).toBe(0);
});

test('a flood is told to wait, then left, and the server goes on', async () => {
  const { ask, messages, state } = await connect({ isAcking: false });
  for (let i = 0; i < 2000; i++) ask(String(i), '/v1/completions', long);
  await expect.poll(() => state.closed, { timeout: 10_000 }).toBe(1008);
  expect(messages.some(({ body }) => body?.error?.code === 'E_BUSY')).toBe(true);
  await expect.poll(async () => await countRunning(server)).toBe(0);
  const events = await Array.fromAsync(
    sseData(await server.post('/v1/completions', { ...greedy, stream: true })),
  );
  expect(events.at(-1)).toBe('[DONE]');
});

test('the answer that opens a socket has the id of its request', async () => {
  const headers = {
    ...{ connection: 'Upgrade', upgrade: 'websocket', 'sec-websocket-version': '13' },
    'sec-websocket-key': 'dGhlIHNhbXBsZSBub25jZQ==',
  };
  const id = await new Promise((resolve, reject) => {
    const asked = request(`${server.url}/v1/ws`, { headers });
    asked.once('upgrade', (response, socket) => {
      resolve(response.headers['x-request-id']);
      socket.destroy();
    });
    asked.once('error', reject);
    asked.end();
  });
  expect(id).toMatch(/^req_[0-9a-f]{32}$/);
});
