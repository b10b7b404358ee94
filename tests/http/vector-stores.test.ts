/** /v1/vector_stores by OpenAI's client on a tiny random encoder: files in, searches, nobody else's. */
import type OpenAI from 'openai';
import { toFile } from 'openai';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { base64Of, textPdf } from '../../scripts/attack/documents/make-documents.ts';
import { TINY_ENCODER_ID } from '../support/encoders.ts';
import { STORIES_ID, type TestServer } from '../support/http-server.ts';
import { rejection } from '../support/outage.ts';
import { openaiAs, startSubjectServer } from '../support/subject-server.ts';

let server: TestServer;
beforeAll(async () => {
  // own server: its gateway is another one.
  server = await startSubjectServer([TINY_ENCODER_ID]);
});
afterAll(() => server.close());

const clientOf = (subject: string) => openaiAs(server, subject);

const TEXTS = ['the sea is blue', 'a cat sat on the mat', 'bread'] as const;

async function upload(
  client: OpenAI,
  content: string | Uint8Array<ArrayBuffer>,
  name = 'note.txt',
): Promise<string> {
  const file = await toFile(new Blob([content]), name);
  return (await client.files.create({ file, purpose: 'assistants' })).id;
}

test('files go in, are counted and listed, and go out', async () => {
  const ada = clientOf('ada');
  const [sea, cat] = [await upload(ada, TEXTS[0]), await upload(ada, TEXTS[1])];
  const store = await ada.vectorStores.create({ name: 'notes', file_ids: [sea] });
  expect(store).toMatchObject({
    ...{ object: 'vector_store', name: 'notes', status: 'completed' },
    ...{ usage_bytes: TEXTS[0].length, file_counts: { completed: 1, failed: 0, total: 1 } },
  });
  const added = await ada.vectorStores.files.createAndPoll(store.id, {
    ...{ file_id: cat, attributes: { kind: 'animal' } },
  });
  expect(added).toMatchObject({ id: cat, status: 'completed', attributes: { kind: 'animal' } });
  const list = await Array.fromAsync(ada.vectorStores.files.list(store.id, { order: 'asc' }));
  expect(list.map(({ id }) => id)).toEqual([sea, cat]);
  await ada.vectorStores.files.delete(sea, { vector_store_id: store.id });
  const left = await ada.vectorStores.retrieve(store.id);
  expect(left.file_counts).toMatchObject({ completed: 1, total: 1 });
  expect((await ada.vectorStores.search(store.id, { query: TEXTS[0] })).data).toMatchObject([
    { file_id: cat },
  ]);
  // The file itself is still there.
  expect((await ada.files.retrieve(sea)).purpose).toBe('assistants');
});

test('a search gives the best passages first, by score and attributes', async () => {
  const ada = clientOf('ada');
  const store = await ada.vectorStores.create({});
  for (const [i, text] of TEXTS.entries())
    await ada.vectorStores.files.create(store.id, {
      ...{ file_id: await upload(ada, text, `${i}.txt`), attributes: { number: i } },
    });
  const search = async (more: object = {}) =>
    (await ada.vectorStores.search(store.id, { query: TEXTS[0], ...more })).data;
  const all = await search();
  expect(all).toHaveLength(TEXTS.length);
  expect(all[0]).toMatchObject({ filename: '0.txt', content: [{ type: 'text', text: TEXTS[0] }] });
  expect(all[0]!.score).toBeCloseTo(1, 1);
  const scores = all.map(({ score }) => score);
  expect(scores).toEqual(scores.toSorted((a, b) => b - a));
  expect(await search({ max_num_results: 1 })).toEqual([all[0]]);
  const filters = { type: 'and', filters: [{ type: 'gte', key: 'number', value: 1 }] };
  expect((await search({ filters })).map(({ attributes }) => attributes?.['number'])).not.toContain(
    0,
  );
  const threshold = (scores[0]! + scores[2]!) / 2;
  const above = await search({ ranking_options: { score_threshold: threshold } });
  expect(above.length).toBeLessThan(all.length);
  expect(above).toEqual(all.filter(({ score }) => score >= threshold));
  const several = await search({ query: [TEXTS[0], TEXTS[2]] });
  expect(
    several
      .slice(0, 2)
      .map(({ filename }) => filename)
      .sort(),
  ).toEqual(['0.txt', '2.txt']);
  const moved = all[0]!.file_id;
  await ada.vectorStores.files.update(moved, {
    ...{ vector_store_id: store.id, attributes: { number: 9 } },
  });
  const nine = await search({ filters: { type: 'eq', key: 'number', value: 9 } });
  expect(nine.map(({ file_id: id }) => id)).toEqual([moved]);
});

test('a PDF file is read as in collections', async () => {
  const ada = clientOf('ada');
  const store = await ada.vectorStores.create({});
  const pdf = await upload(ada, new Uint8Array(textPdf([[TEXTS[0]], [TEXTS[1]]])), 'two.pdf');
  const added = await ada.vectorStores.files.create(store.id, { file_id: pdf });
  expect(added).toMatchObject({ status: 'completed', last_error: null });
  const { data } = await ada.vectorStores.search(store.id, { query: TEXTS[1] });
  expect(data[0]).toMatchObject({ filename: 'two.pdf', content: [{ text: TEXTS[1] }] });
  const cut = await upload(ada, new Uint8Array(textPdf([[TEXTS[0]]]).subarray(0, 60)), 'cut.pdf');
  const encoded = await upload(ada, base64Of(textPdf([[TEXTS[0]]])));
  for (const file_id of [cut, encoded])
    expect(await ada.vectorStores.files.create(store.id, { file_id })).toMatchObject({
      ...{ status: 'failed', last_error: { code: 'invalid_file' } },
    });
});

test('what cannot be read is kept as failed, and says why', async () => {
  const ada = clientOf('ada');
  const store = await ada.vectorStores.create({});
  const file = await upload(ada, '\u0000\u0001\u0002 binary');
  const added = await ada.vectorStores.files.create(store.id, { file_id: file });
  expect(added).toMatchObject({ status: 'failed', last_error: { code: 'invalid_file' } });
  expect((await ada.vectorStores.retrieve(store.id)).file_counts).toMatchObject({ failed: 1 });
  const unknown = ada.vectorStores.files.create(store.id, { file_id: 'file-0' });
  expect(await rejection(unknown)).toMatchObject({ status: 400, param: 'file_id' });
  const expiring = ada.vectorStores.create({
    expires_after: { anchor: 'last_active_at', days: 1 },
  });
  expect(await rejection(expiring)).toMatchObject({ code: 'unsupported_parameter' });
});

test('is renamed, listed and deleted', async () => {
  const client = clientOf('grace');
  const [first, second] = [
    await client.vectorStores.create({ name: 'one', metadata: { a: 'b' } }),
    await client.vectorStores.create({ name: 'two' }),
  ];
  const renamed = await client.vectorStores.update(first.id, { name: 'three' });
  expect(renamed).toMatchObject({ name: 'three', metadata: { a: 'b' } });
  const names = async () => (await client.vectorStores.list()).data.map(({ name }) => name);
  expect(await names()).toEqual(['two', 'three']);
  expect(await client.vectorStores.delete(second.id)).toMatchObject({ deleted: true });
  expect(await names()).toEqual(['three']);
  expect(await rejection(client.vectorStores.retrieve(second.id))).toMatchObject({ status: 404 });
});

test('does not exist for another caller', async () => {
  const [ada, eve] = [clientOf('ada'), clientOf('eve')];
  const file = await upload(ada, TEXTS[0]);
  const { id } = await ada.vectorStores.create({ file_ids: [file] });
  const key = { vector_store_id: id };
  for (const ask of [
    () => eve.vectorStores.retrieve(id),
    () => eve.vectorStores.update(id, { name: 'x' }),
    () => eve.vectorStores.delete(id),
    () => eve.vectorStores.search(id, { query: 'sea' }),
    () => eve.vectorStores.files.list(id),
    () => eve.vectorStores.files.create(id, { file_id: file }),
    () => eve.vectorStores.files.retrieve(file, key),
    () => eve.vectorStores.files.update(file, { ...key, attributes: {} }),
    () => eve.vectorStores.files.delete(file, key),
  ])
    expect(await rejection(ask())).toMatchObject({ status: 404 });
  const { id: own } = await eve.vectorStores.create({});
  const stolen = eve.vectorStores.files.create(own, { file_id: file });
  expect(await rejection(stolen)).toMatchObject({ status: 400, param: 'file_id' });
  expect((await ada.vectorStores.search(id, { query: 'sea' })).data).toHaveLength(1);
});

test('file_search goes before an answer, and what it found is an item of it', async () => {
  const ada = clientOf('ada');
  const file = await upload(ada, TEXTS[0]);
  const { id } = await ada.vectorStores.create({ file_ids: [file] });
  const body = {
    ...{ model: STORIES_ID, input: TEXTS[0], temperature: 0, max_output_tokens: 8 },
    tools: [{ type: 'file_search' as const, vector_store_ids: [id] }],
  };
  const include = ['file_search_call.results' as const];
  const whole = await ada.responses.create({ ...body, include });
  const [found, said] = whole.output;
  expect(found).toMatchObject({
    ...{ type: 'file_search_call', status: 'completed', queries: [TEXTS[0]] },
    results: [{ file_id: file, filename: 'note.txt', text: TEXTS[0] }],
  });
  expect(said).toMatchObject({ type: 'message', role: 'assistant' });
  // The passages are read: without them the question is shorter.
  const { usage } = await ada.responses.create({ ...body, tool_choice: 'none' });
  expect(whole.usage!.input_tokens).toBeGreaterThan(usage!.input_tokens);
  const events = await Array.fromAsync(await ada.responses.create({ ...body, stream: true }));
  const types = events.map(({ type }) => type);
  expect(types.slice(2, 7)).toEqual([
    ...['response.output_item.added', 'response.file_search_call.in_progress'],
    ...['response.file_search_call.searching', 'response.file_search_call.completed'],
    'response.output_item.done',
  ]);
  // The next turn continues the conversation, without the search and its passages.
  const next = { model: STORIES_ID, input: 'And then?', max_output_tokens: 4 };
  const turn = await ada.responses.create({ ...next, previous_response_id: whole.id });
  const items = await Array.fromAsync(ada.responses.inputItems.list(turn.id, { order: 'asc' }));
  expect(items.map(({ type }) => type)).toEqual(['message', 'message', 'message']);
  const again = [{ role: 'user' as const, content: 'Hello' }, ...whole.output];
  const resent = { ...next, input: [...again, { role: 'user' as const, content: 'And?' }] };
  expect(
    (await ada.responses.create(resent as OpenAI.Responses.ResponseCreateParamsNonStreaming))
      .status,
  ).toBe('incomplete');
  const foreign = clientOf('eve').responses.create(body);
  expect(await rejection(foreign)).toMatchObject({ status: 404 });
});
