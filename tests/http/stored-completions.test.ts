/** Stored chat completions by OpenAI's client: kept, listed, changed, deleted; nobody else's. */
import type OpenAI from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { STORIES_ID, type TestServer } from '../support/http-server.ts';
import { rejection } from '../support/outage.ts';
import { openaiAs, startSubjectServer } from '../support/subject-server.ts';

let server: TestServer;
beforeAll(async () => {
  // own server: its gateway is another one.
  server = await startSubjectServer();
});
afterAll(() => server.close());

const clientOf = (subject: string) => openaiAs(server, subject).chat.completions;
const messages = [
  { role: 'system' as const, content: 'Tell a story.' },
  { role: 'user' as const, content: 'Once upon a time' },
];
const body = { model: STORIES_ID, temperature: 0, max_tokens: 8, messages, store: true };

test('whole and streamed ones are kept, with their messages', async () => {
  const completions = clientOf('ada');
  const whole = await completions.create({ ...body, metadata: { kind: 'whole' } });
  const kept = await completions.retrieve(whole.id);
  expect(kept).toEqual({ ...whole, metadata: { kind: 'whole' } });
  const stream = await completions.create({ ...body, stream: true, metadata: { kind: 'stream' } });
  const chunks = await Array.fromAsync(stream);
  const streamed = await completions.retrieve(chunks[0]!.id);
  expect(streamed.choices).toEqual(whole.choices);
  const asked = await Array.fromAsync(completions.messages.list(whole.id));
  expect(asked.map(({ role, content }) => ({ role, content }))).toEqual(messages);
  // Nothing is kept unless it is asked for.
  const { id } = await completions.create({ ...body, store: false });
  expect(await rejection(completions.retrieve(id))).toMatchObject({ status: 404 });
});

test('are listed by model and metadata, in pages', async () => {
  const completions = clientOf('grace');
  const made: string[] = [];
  for (const n of ['1', '2', '3'])
    made.push((await completions.create({ ...body, metadata: { n, odd: `${+n % 2}` } })).id);
  const idsOf = async (query: OpenAI.ChatCompletionListParams) =>
    (await Array.fromAsync(completions.list(query))).map(({ id }) => id);
  expect(await idsOf({ limit: 2 })).toEqual(made);
  expect(await idsOf({ limit: 2, order: 'desc' })).toEqual(made.toReversed());
  expect(await idsOf({ metadata: { odd: '1' } })).toEqual([made[0], made[2]]);
  expect(await idsOf({ model: 'another' })).toEqual([]);
});

test('their metadata is replaced, and they are deleted', async () => {
  const completions = clientOf('ada');
  const { id } = await completions.create({ ...body, metadata: { a: 'b' } });
  expect(await completions.update(id, { metadata: { c: 'd' } })).toMatchObject({
    ...{ id, metadata: { c: 'd' } },
  });
  expect(await completions.retrieve(id)).toMatchObject({ metadata: { c: 'd' } });
  expect(await completions.delete(id)).toMatchObject({ id, deleted: true });
  expect(await rejection(completions.retrieve(id))).toMatchObject({ status: 404 });
  const many = Object.fromEntries(Array.from({ length: 17 }, (_, i) => [`k${i}`, 'v']));
  expect(await rejection(completions.create({ ...body, metadata: many }))).toMatchObject({
    ...{ status: 400, param: 'metadata' },
  });
});

test('personal data is kept as placeholders', async () => {
  const completions = clientOf('ada');
  const content = 'Write to ada@example.org, please.';
  const { id } = await completions.create({
    ...{ ...body, messages: [{ role: 'user', content }], redact: ['email'] },
  } as OpenAI.ChatCompletionCreateParamsNonStreaming);
  const [message] = await Array.fromAsync(completions.messages.list(id));
  expect(message?.content).toBe('Write to <EMAIL_1>, please.');
  expect(JSON.stringify(await completions.retrieve(id))).not.toContain('ada@example.org');
});

test('do not exist for another caller', async () => {
  const [ada, eve] = [clientOf('ada'), clientOf('eve')];
  const { id } = await ada.create(body);
  for (const ask of [
    () => eve.retrieve(id),
    () => eve.update(id, { metadata: {} }),
    () => eve.delete(id),
    () => eve.messages.list(id),
  ])
    expect(await rejection(ask())).toMatchObject({ status: 404 });
  expect((await eve.list()).data).toEqual([]);
  expect((await ada.retrieve(id)).id).toBe(id);
});
