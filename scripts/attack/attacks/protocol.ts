/** Requests that are hostile as HTTP, whatever they ask. */
import { connect } from 'node:net';
import { bodyAttack } from '../attack.ts';
import type { Attack } from '../attack.ts';
import { outcomeOf } from '../outcome.ts';
import type { Outcome } from '../outcome.ts';
import type { Target } from '../target.ts';

const CHAT = '/v1/chat/completions';
const COMPLETIONS = '/v1/completions';
const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

/**
 * Writes parts of a request as they come over a connection of its own.
 * @returns what was answered; AbortError when nothing was until the parts ended
 */
async function raw(target: Target, parts: AsyncIterable<string>): Promise<Outcome> {
  const { hostname, port } = new URL(target.url);
  const socket = connect({ host: hostname, port: Number(port) });
  const state = { text: '', isOver: false };
  socket.on('data', (bytes) => (state.text += bytes.toString('latin1')));
  socket.on('error', () => (state.isOver = true));
  socket.on('close', () => (state.isOver = true));
  for await (const part of parts) {
    if (state.isOver) break;
    if (!socket.write(part))
      await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), wait(1000)]);
  }
  for (let i = 0; i < 20 && state.text === '' && !state.isOver; i++) await wait(50);
  socket.destroy();
  const status = /^HTTP\/1\.1 (\d+)/.exec(state.text)?.[1];
  if (status === undefined) return { status: 0, code: 'AbortError' };
  const body = state.text.slice(state.text.indexOf('\r\n\r\n') + 4);
  return outcomeOf(Number(status), body.slice(body.indexOf('{'), body.lastIndexOf('}') + 1));
}

const head = (path: string, ...lines: string[]) =>
  [
    `POST ${path} HTTP/1.1`,
    'Host: localhost',
    'Content-Type: application/json',
    ...lines,
    '',
    '',
  ].join('\r\n');

/** One byte after the other, far apart. */
async function* slowly(): AsyncGenerator<string> {
  yield head(CHAT, 'Content-Length: 100000');
  for (let i = 0; i < 20; i++) {
    yield ' ';
    await wait(100);
  }
}

/** Chunks without an end. */
async function* endless(): AsyncGenerator<string> {
  yield head(CHAT, 'Transfer-Encoding: chunked');
  const chunk = `10000\r\n${' '.repeat(0x10000)}\r\n`;
  for (let i = 0; i < 1000; i++) {
    yield chunk;
    await Promise.resolve();
  }
}

/** A body in chunks of one byte. */
async function* crumbs(): AsyncGenerator<string> {
  yield head(CHAT, 'Transfer-Encoding: chunked');
  for (let i = 0; i < 200; i++) {
    yield '1\r\n \r\n'.repeat(1000);
    await Promise.resolve();
  }
  yield '0\r\n\r\n';
}

const sentences = (n: number) => 'The quick brown fox. '.repeat(n);
const named = (
  name: string,
  path: string,
  body: (target: Target) => unknown,
  what: string,
): Attack => bodyAttack({ name, what, path, body });

async function frames(target: Target, frame: (i: number) => string): Promise<readonly Outcome[]> {
  const socket = new WebSocket(`${target.url.replace('http', 'ws')}/v1/ws`);
  const state = { nAnswer: 0, closed: 0 };
  socket.addEventListener('message', () => state.nAnswer++);
  socket.addEventListener('close', ({ code }) => (state.closed = code));
  const isOpen = await new Promise((resolve) => {
    socket.addEventListener('open', () => resolve(true));
    socket.addEventListener('error', () => resolve(false));
  });
  if (isOpen === false) return [{ status: 0, code: 'AbortError' }];
  for (let i = 0; i < 100_000 && state.closed === 0; i++) {
    socket.send(frame(i));
    if (i % 1000 === 999) await wait(0);
  }
  await wait(1000);
  socket.close();
  return [{ status: 101, code: `${state.nAnswer} answers, closed ${state.closed}` }];
}

export const PROTOCOL: readonly Attack[] = [
  {
    name: 'bodies-slow',
    what: '100 bodies of one byte in 100 ms',
    run: (target) => Promise.all(Array.from({ length: 100 }, () => raw(target, slowly()))),
  },
  {
    name: 'body-endless',
    what: 'a body of chunks without an end',
    run: async (target) => [await raw(target, endless())],
  },
  {
    name: 'body-crumbs',
    what: '200,000 chunks of one byte',
    run: async (target) => [await raw(target, crumbs())],
  },
  {
    name: 'headers-many',
    what: '10,000 headers',
    run: async (target) => {
      const lines = Array.from({ length: 10_000 }, (_, i) => `x-a${i}: ${i}`);
      async function* parts(): AsyncGenerator<string> {
        await Promise.resolve();
        yield head(CHAT, ...lines, 'Content-Length: 2') + '{}';
      }
      return [await raw(target, parts())];
    },
  },
  {
    name: 'keys-random',
    what: '2,000 keys that do not exist',
    run: async (target) => {
      const outcomes: Outcome[] = [];
      for (let i = 0; i < 2000; i += 50)
        outcomes.push(
          ...(await Promise.all(
            Array.from({ length: 50 }, (_, j) =>
              target.ask('/v1/models', {
                headers: {
                  authorization: `Bearer thk_${(i + j).toString(16).padStart(16, '0')}_${'A'.repeat(43)}`,
                },
              }),
            ),
          )),
        );
      return outcomes;
    },
  },
  {
    name: 'websocket-tiny',
    what: '100,000 frames of one byte',
    run: (target) => frames(target, () => 'x'),
  },
  {
    name: 'websocket-requests',
    what: '100,000 requests over one WebSocket',
    run: (target) =>
      frames(target, (i) =>
        JSON.stringify({
          ...{ type: 'request', id: `r${i}`, path: CHAT },
          body: { messages: [{ role: 'user', content: 'Hello' }], max_tokens: 1 },
        }),
      ),
  },
  named(
    'choices-most',
    COMPLETIONS,
    () => ({ prompt: 'One', max_tokens: 16, n: 1, best_of: 100_000 }),
    'best of 100,000',
  ),
  named(
    'choices-prompts',
    COMPLETIONS,
    () => ({ prompt: new Array<string>(64).fill('One'), max_tokens: 4, n: 8, best_of: 8 }),
    '64 prompts with 8 choices',
  ),
  named(
    'stop-many',
    COMPLETIONS,
    () => ({ prompt: 'One', max_tokens: 4, stop: ['a', 'b', 'c', 'a'.repeat(10_000)] }),
    'long stop strings',
  ),
  named(
    'session-name',
    CHAT,
    () => ({
      messages: [{ role: 'user', content: 'a' }],
      max_tokens: 1,
      session: 's'.repeat(3_000_000),
    }),
    'a name of a session of 3 MB',
  ),
  named(
    'refs-chain',
    CHAT,
    () => ({
      messages: [{ role: 'user', content: 'a' }],
      max_tokens: 4,
      response_format: {
        type: 'json_schema',
        json_schema: {
          name: 's',
          schema: {
            $ref: '#/$defs/d0',
            $defs: Object.fromEntries(
              Array.from({ length: 10_001 }, (_, i) => [
                `d${i}`,
                i === 10_000 ? { type: 'null' } : { $ref: `#/$defs/d${i + 1}` },
              ]),
            ),
          },
        },
      },
    }),
    'a chain of 10,000 references',
  ),
  named(
    'moderate-many',
    '/v1/moderations',
    () => ({ input: new Array<string>(2000).fill(sentences(80)) }),
    '3 MB of texts to judge',
  ),
  named(
    'summarize-long',
    '/v1/tasks/summarize',
    () => ({ text: sentences(150_000) }),
    '3 MB to summarize',
  ),
];
