/** /v1/conversations by OpenAI's client: items, responses that continue them, other callers. */
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

const clientOf = (subject: string) => openaiAs(server, subject);
const greedy = { model: STORIES_ID, temperature: 0, max_output_tokens: 8 };
const hello = { type: 'message' as const, role: 'user' as const, content: 'Once upon a time' };

test('is created, read, changed and deleted', async () => {
  const { conversations } = clientOf('ada');
  const made = await conversations.create({ metadata: { topic: 'cars' } });
  expect(made).toMatchObject({ object: 'conversation', metadata: { topic: 'cars' } });
  expect(await conversations.retrieve(made.id)).toEqual(made);
  const changed = await conversations.update(made.id, { metadata: { topic: 'bicycles' } });
  expect(changed).toEqual({ ...made, metadata: { topic: 'bicycles' } });
  expect(await conversations.retrieve(made.id)).toEqual(changed);
  expect(await conversations.delete(made.id)).toMatchObject({ id: made.id, deleted: true });
  expect(await rejection(conversations.retrieve(made.id))).toMatchObject({ status: 404 });
});

test('keeps items in order, which are listed, read and deleted', async () => {
  const { conversations } = clientOf('ada');
  const { id } = await conversations.create({ items: [hello] });
  const two = [1, 2].map((n) => ({ ...hello, content: `Message ${n}` }));
  const added = await conversations.items.create(id, { items: two });
  expect(added.data).toHaveLength(2);
  const page = await conversations.items.list(id, { order: 'asc', limit: 2 });
  expect(page.has_more).toBe(true);
  const all = await Array.fromAsync(page);
  expect(all.map((item) => (item.type === 'message' ? item.content[0] : null))).toEqual(
    ['Once upon a time', 'Message 1', 'Message 2'].map((text) => ({ type: 'input_text', text })),
  );
  const [first, second] = all.map((item) => item.id!);
  expect(await conversations.items.retrieve(second!, { conversation_id: id })).toEqual(all[1]);
  await conversations.items.delete(second!, { conversation_id: id });
  const left = await Array.fromAsync(conversations.items.list(id, { order: 'asc' }));
  expect(left.map((item) => item.id)).toEqual([first, all[2]?.id]);
  const gone = conversations.items.retrieve(second!, { conversation_id: id });
  expect(await rejection(gone)).toMatchObject({ status: 404 });
  // An item that is named twice is there once.
  const named = { type: 'item_reference' as const, id: first! };
  const copy = await conversations.create({ items: [named, named] });
  const copied = await Array.fromAsync(conversations.items.list(copy.id));
  expect(copied.map((item) => item.type === 'message' && item.content)).toEqual([
    all[0]?.type === 'message' && all[0].content,
  ]);
  // An id is not given out twice while the conversation is there.
  const again = await conversations.items.create(id, { items: [hello] });
  expect(all.map((item) => item.id)).not.toContain(again.data[0]?.id);
});

test.each([true, false])('a response continues it and adds its turn, stored: %s', async (store) => {
  const { conversations, responses } = clientOf('ada');
  const conversation = (await conversations.create()).id;
  const turn = { ...greedy, store, conversation };
  const one = await responses.create({ ...turn, input: 'Once upon a time' });
  expect(one.conversation).toEqual({ id: conversation });
  const stream = await responses.create({ ...turn, input: 'And then?', stream: true });
  const events = await Array.fromAsync(stream);
  const last = events.at(-1);
  if (last?.type !== 'response.incomplete') throw new Error(`ended with ${last?.type}`);
  const items = await Array.fromAsync(conversations.items.list(conversation, { order: 'asc' }));
  const texts = items.map((item) =>
    item.type === 'message' && 'text' in item.content[0]! ? item.content[0].text : '',
  );
  const said = (last.response.output[0] as OpenAI.Responses.ResponseOutputMessage).content[0]!;
  expect(texts).toEqual([
    ...['Once upon a time', one.output_text, 'And then?'],
    'text' in said ? said.text : '',
  ]);
  // The same as sending all of it.
  const whole = await responses.create({
    ...{ ...greedy, store: false },
    input: [hello, ...one.output, { ...hello, content: 'And then?' }],
  } as OpenAI.Responses.ResponseCreateParamsNonStreaming);
  expect(whole.output_text).toBe(texts[3]);
});

test('contradictions and unknown conversations are refused by name', async () => {
  const { responses } = clientOf('ada');
  const input = 'Once';
  const { id } = await responses.create({ ...greedy, input });
  const both = { ...greedy, input, conversation: 'conv_0', previous_response_id: id };
  expect(await rejection(responses.create(both))).toMatchObject({
    ...{ status: 400, param: 'previous_response_id' },
  });
  const redacted = { ...greedy, input, conversation: 'conv_0', redact: true };
  expect(await rejection(responses.create(redacted))).toMatchObject({
    status: 400,
    param: 'redact',
  });
  const unknown = responses.create({ ...greedy, input, conversation: 'conv_0' });
  expect(await rejection(unknown)).toMatchObject({ status: 404, code: 'E_NOT_FOUND' });
});

test('does not exist for another caller', async () => {
  const [ada, grace] = [clientOf('ada'), clientOf('grace')];
  const { id } = await ada.conversations.create({ items: [hello] });
  const [item] = await Array.fromAsync(ada.conversations.items.list(id));
  const key = { conversation_id: id };
  const foreign = [
    () => grace.conversations.retrieve(id),
    () => grace.conversations.update(id, { metadata: {} }),
    () => grace.conversations.delete(id),
    () => grace.conversations.items.list(id),
    () => grace.conversations.items.create(id, { items: [hello] }),
    () => grace.conversations.items.retrieve(item!.id!, key),
    () => grace.conversations.items.delete(item!.id!, key),
    () => grace.responses.create({ ...greedy, input: 'And', conversation: id }),
  ];
  for (const ask of foreign) expect(await rejection(ask())).toMatchObject({ status: 404 });
  const reference = [{ type: 'item_reference' as const, id: item!.id! }];
  const referring = grace.responses.create({ ...greedy, input: reference });
  expect(await rejection(referring)).toMatchObject({ status: 400, param: 'input[0].id' });
  const own = await ada.responses.create({ ...greedy, input: reference });
  expect(own.output_text).not.toBe('');
});

test('input tokens are those that a response reports', async () => {
  const { responses } = clientOf('ada');
  const body = { model: STORIES_ID, input: 'Once upon a time', instructions: 'Be short.' };
  const { usage } = await responses.create({ ...body, max_output_tokens: 1 });
  const counted = await responses.inputTokens.count(body);
  expect(counted).toEqual({ object: 'response.input_tokens', input_tokens: usage?.input_tokens });
});
