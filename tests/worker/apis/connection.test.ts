/** One socket's rules without a socket: windows, stalls, floods, nonsense. */
import { afterEach, expect, test, vi } from 'vitest';
import {
  MAX_REFUSALS,
  MAX_REQUESTS,
  MAX_STALL_MS,
  WebSocketConnection,
  WINDOW_MESSAGES,
} from '../../../worker/apis/websocket/connection.ts';

afterEach(() => {
  vi.useRealTimers();
});

interface Sent {
  type: string;
  seq: number;
  id: string;
  data?: unknown;
  status?: number;
  stopped?: boolean;
}

/** A socket that notes, over answers of endless events or of `nEvent`. */
function open(nEvent = Infinity) {
  const sent: Sent[] = [];
  const state = { closed: 0, reason: '', nMade: 0, nCancelled: 0 };
  const ask = () => {
    let n = 0;
    const stream = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          if (n === nEvent) return controller.close();
          state.nMade++;
          controller.enqueue(new TextEncoder().encode(`data: {"n":${n++}}\n\n`));
        },
        cancel: () => void state.nCancelled++,
      },
      { highWaterMark: 0 },
    );
    const headers = { 'content-type': 'text/event-stream' };
    return Promise.resolve(new Response(stream, { headers }));
  };
  const socket = {
    send: (text: string) => void sent.push(JSON.parse(text) as Sent),
    close: (code: number, reason: string) => Object.assign(state, { closed: code, reason }),
  };
  const connection = new WebSocketConnection(socket, ask);
  const say = (message: object) => connection.receive(JSON.stringify(message));
  const request = (id: string) => say({ type: 'request', id, path: '/x', body: {} });
  return { sent, state, connection, say, request };
}

/** Until nothing more happens by itself. */
async function settle(): Promise<void> {
  for (let turn = 0; turn < 2000; turn++) await Promise.resolve();
  await new Promise((resolve) => setImmediate(resolve));
  for (let turn = 0; turn < 2000; turn++) await Promise.resolve();
}

test('events come numbered, then the end', async () => {
  const { sent, request } = open(3);
  request('a');
  await vi.waitFor(() => expect(sent.at(-1)?.type).toBe('end'));
  expect(sent).toEqual([
    { type: 'event', seq: 1, id: 'a', data: { n: 0 } },
    { type: 'event', seq: 2, id: 'a', data: { n: 1 } },
    { type: 'event', seq: 3, id: 'a', data: { n: 2 } },
    { type: 'end', seq: 4, id: 'a', stopped: false },
  ]);
});

test('a client that says nothing is sent a window, and no more is made', async () => {
  const { sent, state, request, say, connection } = open();
  request('a');
  await vi.waitFor(() => expect(sent).toHaveLength(WINDOW_MESSAGES));
  await settle();
  expect(sent).toHaveLength(WINDOW_MESSAGES);
  expect(state.nMade).toBeLessThanOrEqual(WINDOW_MESSAGES + 2);
  say({ type: 'ack', seq: 10 });
  await vi.waitFor(() => expect(sent).toHaveLength(WINDOW_MESSAGES + 10));
  await settle();
  expect(sent).toHaveLength(WINDOW_MESSAGES + 10);
  connection.leave();
  await vi.waitFor(() => expect(state.nCancelled).toBe(1));
});

test('a client that stays behind for two minutes is left', async () => {
  const { sent, state, request } = open();
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
  request('a');
  while (sent.length < WINDOW_MESSAGES) await settle();
  await settle();
  vi.advanceTimersByTime(MAX_STALL_MS - 1);
  expect(state.closed).toBe(0);
  vi.advanceTimersByTime(1);
  expect([state.closed, state.reason]).toEqual([1008, 'no ack for two minutes']);
  await settle();
  expect(state.nCancelled).toBe(1);
  expect(sent).toHaveLength(WINDOW_MESSAGES);
});

test('a request can be stopped while it waits for the client', async () => {
  const { sent, state, request, say } = open();
  request('a');
  await vi.waitFor(() => expect(sent).toHaveLength(WINDOW_MESSAGES));
  say({ type: 'stop', id: 'a' });
  await vi.waitFor(() => expect(sent.at(-1)).toMatchObject({ type: 'end', stopped: true }));
  expect(state.nCancelled).toBe(1);
  say({ type: 'stop', id: 'never was' });
  expect(state.closed).toBe(0);
});

test('a flood of requests is refused one by one, then the socket is closed', async () => {
  const { sent, state, request } = open();
  let n = 0;
  for (; n < 10_000 && state.closed === 0; n++) request(String(n));
  await settle();
  expect(state.closed).toBe(1008);
  expect(n).toBe(MAX_REQUESTS + WINDOW_MESSAGES + MAX_REFUSALS + 1);
  expect(sent).toHaveLength(WINDOW_MESSAGES + MAX_REFUSALS);
  expect(sent.every(({ status }) => status === 503)).toBe(true);
  await vi.waitFor(() => expect(state.nCancelled).toBe(MAX_REQUESTS));
});

test('an id that is in use is refused', async () => {
  const { sent, request, connection } = open();
  request('a');
  request('a');
  expect(sent[0]).toMatchObject({ type: 'answer', id: 'a', status: 400 });
  connection.leave();
  await settle();
});

test.each<[string, string | ArrayBuffer, number]>([
  ['bytes', new ArrayBuffer(3), 1008],
  ['no JSON', 'hello', 1008],
  ['no message', '{"type":"dance"}', 1008],
  ['a request without a body', '{"type":"request","id":"a","path":"/x"}', 1008],
  ['an ack of what was never sent', '{"type":"ack","seq":5}', 1008],
  ['more than a body may have', `"${'x'.repeat(5_000_000)}"`, 1009],
])('closed after %s', (_what, data, code) => {
  const { connection, state, sent } = open();
  connection.receive(data);
  expect(state.closed).toBe(code);
  expect(state.reason.length).toBeLessThanOrEqual(120);
  expect(sent).toEqual([]);
});
