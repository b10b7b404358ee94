/** Clients that do not read, or that leave. */
import type { Socket } from 'node:net';
import type { Attack } from '../attack.ts';
import type { Outcome } from '../outcome.ts';
import type { Target } from '../target.ts';

const N_CLIENT = 40;
const CHAT = '/v1/chat/completions';
const COMPLETIONS = '/v1/completions';

const longBody = (stream: boolean) => ({
  prompt: 'One, two, three,',
  max_tokens: 2000,
  ignore_eos: true,
  stream,
});

/** A short request of somebody else: it must be answered while others do not read or have left. */
async function shortRequest(target: Target): Promise<Outcome> {
  return await target.post(CHAT, {
    messages: [{ role: 'user', content: 'Say hello.' }],
    max_tokens: 4,
  });
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/** Milliseconds until the short request is answered, as an outcome that is printed. */
async function timedShort(target: Target): Promise<readonly Outcome[]> {
  const startedAt = performance.now();
  const outcome = await shortRequest(target);
  const seconds = Math.round((performance.now() - startedAt) / 100) / 10;
  return [{ ...outcome, code: outcome.code ?? `after ${seconds} s` }];
}

async function open(target: Target, stream: boolean): Promise<Socket[]> {
  return await Promise.all(
    Array.from({ length: N_CLIENT }, () => target.sendUnread(COMPLETIONS, longBody(stream))),
  );
}

export const CLIENTS: readonly Attack[] = [
  {
    name: 'streams-unread',
    what: '40 streams that nobody reads',
    async run(target) {
      const sockets = await open(target, true);
      await wait(2000);
      const outcomes = await timedShort(target);
      for (const socket of sockets) socket.destroy();
      return outcomes;
    },
  },
  ...[true, false].map((stream): Attack => ({
    name: stream ? 'streams-left' : 'requests-left',
    what: `40 long ${stream ? 'streams' : 'requests'} whose clients leave`,
    async run(target) {
      const sockets = await open(target, stream);
      await wait(2000);
      for (const socket of sockets) socket.destroy();
      await wait(1000);
      return await timedShort(target);
    },
  })),
  {
    name: 'websocket-flood',
    what: '20,000 messages over one WebSocket',
    async run(target) {
      const socket = new WebSocket(`${target.url.replace('http', 'ws')}/v1/ws`);
      let [nAnswer, closed] = [0, 0];
      socket.addEventListener('message', () => nAnswer++);
      socket.addEventListener('close', ({ code }) => (closed = code));
      const isOpen = await new Promise((resolve) => {
        socket.addEventListener('open', () => resolve(true));
        socket.addEventListener('error', () => resolve(false));
      });
      if (isOpen === false) return [{ status: 0, code: 'AbortError' }];
      for (let i = 0; i < 20_000; i++) socket.send('{"type":"' + 'x'.repeat(100) + '"}');
      await wait(1500);
      socket.close();
      return [{ status: 101, code: `${nAnswer} answers, closed ${closed}` }];
    },
  },
  {
    name: 'health-flood',
    what: '500 requests at the same time',
    run: async (target) =>
      await Promise.all(Array.from({ length: 500 }, () => target.ask('/healthz'))),
  },
];
