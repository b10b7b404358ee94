/** Session memory over HTTP: what is kept, what is not, and that it outlives the server. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { sseData, startTestServer, type TestServer } from '../support/http-server.ts';

let server: TestServer;

beforeAll(async () => {
  // own server: it is restarted.
  server = await startTestServer();
});
afterAll(() => server.close());

interface Answer {
  choices: { message: { content: string } }[];
  usage: { prompt_tokens: number; prompt_tokens_details: { cached_tokens: number } };
  session: { id: string; dropped_messages: number; turn?: number };
}
interface SessionJson {
  id: string;
  schema_version: number;
  messages: { role: string; content: string; tokens: number }[];
}

const say = (session: string, content: string, more: object = {}) =>
  server.post('/v1/chat/completions', {
    ...{ session, messages: [{ role: 'user', content }], temperature: 0, max_tokens: 8 },
    ...more,
  });

async function answer(response: Response): Promise<Answer> {
  expect(response.status).toBe(200);
  return await response.json<Answer>();
}

async function history(session: string): Promise<string[]> {
  const response = await fetch(`${server.url}/v1/sessions/${session}`);
  if (response.status === 404) return [];
  const { messages } = await response.json<SessionJson>();
  return messages.map(({ role, content }) => `${role}: ${content}`);
}

test('the second turn sends one message and is answered over both', async () => {
  const first = await answer(await say('two-turns', 'Once upon a time'));
  const second = await answer(await say('two-turns', ' One day'));
  // BOS, the first turn's text, its answer, the second's: all but the last was in memory.
  expect(second.usage.prompt_tokens).toBeGreaterThan(first.usage.prompt_tokens + 8);
  expect(second.usage.prompt_tokens_details.cached_tokens).toBeGreaterThanOrEqual(
    first.usage.prompt_tokens + 6,
  );
  expect(second.session).toEqual({ id: 'two-turns', dropped_messages: 0, turn: 2 });
  expect(await history('two-turns')).toEqual([
    'user: Once upon a time',
    `assistant: ${first.choices[0]?.message.content}`,
    'user:  One day',
    `assistant: ${second.choices[0]?.message.content}`,
  ]);
});

test('a streamed turn is kept, too, and reports its session', async () => {
  const response = await say('streamed', 'Once upon a time', { stream: true });
  const data = await Array.fromAsync(sseData(response));
  const last = JSON.parse(data.at(-2) ?? '{}') as Answer;
  expect(last.session).toEqual({ id: 'streamed', dropped_messages: 0, turn: 1 });
  // Answers that the caller gives are answers of the session; one that is not kept has no number.
  const given = {
    messages: [
      { role: 'assistant', content: 'a' },
      { role: 'user', content: 'b' },
    ],
  };
  const kept = (more: object) => say('streamed', '', { ...given, ...more }).then(answer);
  expect((await kept({ store: false })).session).toEqual({ id: 'streamed', dropped_messages: 0 });
  expect((await kept({})).session.turn).toBe(3);
  expect(await history('streamed')).toHaveLength(5);
});

test('history survives a restart of the server', async () => {
  await answer(await say('restarted', 'Once upon a time'));
  const before = await history('restarted');
  await server.restart();
  expect(await history('restarted')).toEqual(before);
  await answer(await say('restarted', ' Then'));
  expect(await history('restarted')).toHaveLength(4);
});

test('a turn that fails or whose client leaves changes nothing', async () => {
  await answer(await say('undisturbed', 'Once upon a time'));
  const before = await history('undisturbed');
  const tooLong = await say('undisturbed', 'word '.repeat(2000));
  expect(tooLong.status).toBe(400);
  expect(await history('undisturbed')).toEqual(before);

  const stream = await say('undisturbed', 'One day', { stream: true, max_tokens: 400 });
  for await (const _data of sseData(stream)) break;
  // The next turn waits for the one that was left, so afterwards its fate is decided.
  await answer(await say('undisturbed', 'The end'));
  const after = await history('undisturbed');
  expect(after.slice(0, 2)).toEqual(before);
  expect(after[2]).toBe('user: The end');
  expect(after).toHaveLength(4);
});

test('turns at the same time go one after the other', async () => {
  const texts = ['One', 'Two', 'Three', 'Four'];
  const answers = await Promise.all(
    texts.map(async (text) => await answer(await say('queue', text))),
  );
  expect(answers).toHaveLength(4);
  const kept = await history('queue');
  expect(kept).toHaveLength(8);
  expect(kept.map((line) => line.split(':')[0])).toEqual(
    Array.from({ length: 8 }, (_, i) => (i % 2 === 0 ? 'user' : 'assistant')),
  );
  expect(kept.filter((line) => line.startsWith('user')).toSorted()).toEqual(
    texts.map((text) => `user: ${text}`).toSorted(),
  );
});

test('what no longer fits is left out from the oldest turn on, the system message stays', async () => {
  const system = { role: 'system', content: 'Be kind.' };
  const first = { role: 'user', content: 'Once upon a time there was a dog. '.repeat(15) };
  await answer(await say('long', '', { messages: [system, first] }));
  let last: Answer | null = null;
  for (let i = 0; i < 3; i++) last = await answer(await say('long', 'The dog ran. '.repeat(20)));
  expect(last?.session.dropped_messages).toBeGreaterThan(0);
  // Left out of the prompt, not out of the history.
  expect(await history('long')).toHaveLength(9);
});

test('sessions do not see each other; deleting one removes all of it', async () => {
  await answer(await say('left', 'Once'));
  await answer(await say('right', 'One day'));
  const remove = () => fetch(`${server.url}/v1/sessions/left`, { method: 'DELETE' });
  expect(await (await remove()).json()).toEqual({
    id: 'left',
    object: 'session.deleted',
    deleted: true,
  });
  expect((await remove()).status).toBe(404);
  expect((await fetch(`${server.url}/v1/sessions/left`)).status).toBe(404);
  expect(await history('right')).toHaveLength(2);
  await answer(await say('left', 'Again'));
  expect(await history('left')).toHaveLength(2);
});

test('a message larger than a row is refused and not kept', async () => {
  const response = await say('large', 'é'.repeat(1_000_000));
  expect(response.status).toBe(400);
  const { error } = await response.json<{ error: { message: string; param: string } }>();
  expect(error.param).toBe('messages[0].content');
  expect(error.message).toContain('at most 1998976 bytes, got 2000000');
  expect(await history('large')).toEqual([]);
});
