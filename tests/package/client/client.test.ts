/** The client against a real server, and its types against the server's own schemas. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { z } from 'zod';
import { ThimbleClient, ThimbleError } from '../../../package/client/index.ts';
import type * as Client from '../../../package/client/types.ts';
import type { DocumentType } from '../../../worker/apis/retrieval/documents/open-document.ts';
import type * as retrieval from '../../../worker/apis/retrieval/schema.ts';
import * as tasks from '../../../worker/serving/tasks/index.ts';
import { TINY_ENCODER_ID } from '../../support/encoders.ts';
import { shareTestServer } from '../../support/http-server.ts';
import type { SharedServer } from '../../support/http-server.ts';

let server: SharedServer;
let client: ThimbleClient;
beforeAll(async () => {
  server = await shareTestServer([TINY_ENCODER_ID]);
  client = new ThimbleClient({ baseUrl: `${server.url}/` });
});
afterAll(() => server.close());

async function errorOf(promise: Promise<unknown>): Promise<ThimbleError> {
  const error: unknown = await promise.then(
    () => null,
    (reason: unknown) => reason,
  );
  if (error instanceof ThimbleError) return error;
  throw new Error(`expected a ThimbleError, got ${String(error)}`);
}

test('a collection: made, filled, searched, deleted', async () => {
  const name = 'client-notes';
  const { collections } = client;
  const made = await collections.create({ name, model: TINY_ENCODER_ID });
  expect(made).toMatchObject({ object: 'collection', name, documents: 0 });
  expect(await collections.list()).toContain(name);
  const added = await collections.add(name, [
    { id: 'sea', content: 'The sea is blue.', metadata: { kind: 'nature' } },
    { id: 'tea/1', content: 'Tea is green.', metadata: { kind: 'drink' } },
  ]);
  expect(added.map(({ id, status }) => [id, status])).toEqual([
    ['sea', 'added'],
    ['tea/1', 'added'],
  ]);
  const [best] = await collections.search(name, 'blue sea', { mode: 'text', top_k: 1 });
  expect(best).toMatchObject({ document: 'sea', text: 'The sea is blue.', start: 0, end: 16 });
  const drinks = await collections.search(name, 'sea', { filter: { kind: { eq: 'drink' } } });
  expect(drinks.map(({ document }) => document)).toEqual(['tea/1']);
  expect(await collections.document(name, 'tea/1')).toMatchObject({ id: 'tea/1', characters: 13 });
  await collections.deleteDocument(name, 'tea/1');
  expect((await collections.get(name)).documents).toBe(1);
  await collections.delete(name);
  expect(await errorOf(collections.get(name))).toMatchObject({ status: 404, code: 'E_NOT_FOUND' });
});

test('a session is read, rated and deleted', async () => {
  const body = { session: 'client', messages: [{ role: 'user', content: 'Once' }], max_tokens: 4 };
  expect((await server.post('/v1/chat/completions', body)).status).toBe(200);
  const { messages } = await client.sessions.get('client');
  expect(messages.map(({ role }) => role)).toEqual(['user', 'assistant']);
  const rated = await client.sessions.rate('client', { turn: 1, rating: 'down', better: 'Upon' });
  expect(rated).toMatchObject({ turn: 1, rating: 'down', better: 'Upon' });
  await client.sessions.allowTraining('client', true);
  expect(await client.sessions.get('client')).toMatchObject({
    ...{ allow_training: true, feedback: [{ turn: 1, rating: 'down', better: 'Upon' }] },
  });
  await client.sessions.unrate('client', 1);
  expect((await client.sessions.get('client')).feedback).toEqual([]);
  expect(await errorOf(client.sessions.rate('client', { turn: 9, rating: 'up' }))).toMatchObject({
    ...{ status: 400, param: 'turn' },
  });
  await client.sessions.delete('client');
  expect((await errorOf(client.sessions.get('client'))).status).toBe(404);
});

test('tokens go there and back', async () => {
  const tokens = await client.tokenize('The sea is blue.');
  expect(tokens.length).toBeGreaterThan(3);
  expect(await client.detokenize(tokens)).toBe('The sea is blue.');
  const { prompt } = await client.applyTemplate([{ role: 'user', content: 'Hello' }]);
  expect(prompt).toContain('Hello');
});

test('tasks answer in their own shapes', async () => {
  const kinds = await client.task('classify', { text: 'A red ball', labels: ['toy', 'food'] });
  expect(tasks.classify.answer.safeParse(kinds).success).toBe(true);
  const summary = await client.task('summarize', { text: 'The sea is blue.', max_tokens: 8 });
  expect(tasks.summarize.answer.safeParse(summary).success).toBe(true);
});

test('an error names the field, the code and the request', async () => {
  const error = await errorOf(client.task('classify', { text: 'A ball', labels: ['a', 'a'] }));
  expect(error).toMatchObject({ status: 400, param: 'labels[1]' });
  expect(error.message).toContain('expected a label that is not there yet');
  expect(error.code).toMatch(/^E_/);
  expect(error.requestId).toMatch(/^req_/);
});

test('what does not come from Thimble is an error, too', async () => {
  const fetch = () => new Response('<html>', { status: 502 });
  const elsewhere = new ThimbleClient({ baseUrl: 'http://localhost', fetch });
  expect(await errorOf(elsewhere.tokenize('a'))).toMatchObject({ status: 502, code: null });
});

test('a key and a signal are sent along', async () => {
  const seen: RequestInit[] = [];
  const fetch = (_url: string, init: RequestInit) => {
    seen.push(init);
    return Response.json({ tokens: [] });
  };
  const { signal } = new AbortController();
  await new ThimbleClient({ baseUrl: 'http://localhost', apiKey: 'tk', fetch }).tokenize('a', {
    signal,
  });
  expect(seen[0]).toMatchObject({ signal, headers: { authorization: 'Bearer tk' } });
});

/** Compiles only while `From` can be used where `To` is expected. */
type Fits<From extends To, To> = [From, To];
/** Without a name: objects that may have further fields take no interface. */
type Plain<T> = { [Key in keyof T]: T[Key] };
type Body<Name extends Client.TaskName> = Plain<Client.Tasks[Name]['request']>;
type Answer<Name extends Client.TaskName & keyof typeof tasks> = z.output<
  (typeof tasks)[Name]['answer']
>;
export type Checked = [
  Fits<Answer<'summarize'>, Client.Tasks['summarize']['answer']>,
  Fits<Answer<'translate'>, Client.Tasks['translate']['answer']>,
  Fits<Answer<'extract'>, Client.Tasks['extract']['answer']>,
  Fits<Answer<'classify'>, Client.Tasks['classify']['answer']>,
  Fits<Answer<'rewrite'>, Client.Tasks['rewrite']['answer']>,
  Fits<Answer<'answer'>, Client.Tasks['answer']['answer']>,
  Fits<DocumentType, NonNullable<Client.NewDocument['content_type']>>,
  Fits<Body<'summarize'>, z.input<typeof tasks.summarize.body>>,
  Fits<Body<'translate'>, z.input<typeof tasks.translate.body>>,
  Fits<Body<'extract'>, z.input<typeof tasks.extract.body>>,
  Fits<Body<'classify'>, z.input<typeof tasks.classify.body>>,
  Fits<Body<'rewrite'>, z.input<typeof tasks.rewrite.body>>,
  Fits<Body<'answer'>, z.input<typeof tasks.answer.body>>,
  Fits<Plain<Client.CreateCollection>, z.input<typeof retrieval.createCollectionSchema>>,
  Fits<
    Plain<Client.NewDocument>,
    z.input<typeof retrieval.addDocumentsSchema>['documents'][number]
  >,
  Fits<Plain<Client.SearchOptions> & { query: string }, z.input<typeof retrieval.searchSchema>>,
  Fits<z.output<typeof retrieval.collectionSchema>, Client.Collection>,
  Fits<z.output<typeof retrieval.documentSchema>, Client.CollectionDocument>,
  Fits<z.output<typeof retrieval.searchResultSchema>, Client.SearchResult>,
];
