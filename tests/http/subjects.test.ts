/** Two keys on one server: nothing of one subject exists for the other, under any id, on any route that takes one. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import { keepEverything } from '../../scripts/attack/subjects/holdings.ts';
import type { Holdings } from '../../scripts/attack/subjects/holdings.ts';
import { ID_ROUTES as ROUTES, idsOf, routeTry } from '../../scripts/attack/subjects/seek.ts';
import { KeyClient } from '../../scripts/lib/key-client.ts';
import type { EndpointFacts } from '../../worker/http/endpoint.ts';
import { SCOPES } from '../../worker/platform/caller.ts';
import { newObjectId } from '../../worker/platform/storage/object-id.ts';
import { TINY_ENCODER_ID } from '../support/encoders.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { seededRandom } from '../support/random.ts';
import { askWith, bearer, makeKey } from '../support/keys.ts';
import type { AskWith } from '../support/keys.ts';

/** Guesses of ids on each route. */
const N_GUESS = 40;

let server: TestServer;
let ada: { readonly id: string; readonly key: string };
let grace: typeof ada;

beforeAll(async () => {
  // own server: it asks for keys, and has a trainer, without which nobody keeps a job.
  server = await startTestServer({
    ...{ vars: { ACCESS: 'keys' }, models: [TINY_ENCODER_ID], trains: true },
  });
  // A search through ids is not what a limit of requests is to end here.
  const limits = { requestsPerMinute: null };
  // An administrator may export and erase any subject (tests/http/erasure.test.ts).
  const scopes = SCOPES.filter((scope) => scope !== 'admin');
  [ada, grace] = [await makeKey(server, { scopes }), await makeKey(server, { scopes, limits })];
});
afterAll(() => server.close());

const keepAll = ({ id, key }: typeof ada, word: string): Promise<Holdings> =>
  keepEverything(new KeyClient(server.url, key), id, word);

async function upload(key: string, word: string): Promise<string> {
  const form = new FormData();
  const line = {
    ...{ custom_id: word, method: 'POST', url: '/v1/completions' },
    body: { prompt: word, max_tokens: 1 },
  };
  form.set('purpose', 'batch');
  form.set('file', new File([JSON.stringify(line)], `${word}.jsonl`));
  const options = { method: 'POST', body: form, headers: bearer(key) };
  const response = await fetch(`${server.url}/v1/files`, options);
  return (await response.json<{ id: string }>()).id;
}

async function tryRoute(ask: AskWith, row: EndpointFacts, ids: readonly string[]): Promise<string> {
  const { path, body, method } = routeTry(row, ids);
  const response = await ask(path, body, method);
  return `${response.status} ${await response.text()}`;
}

test('every route that takes an id is tried', () => {
  expect(ROUTES.length).toBeGreaterThanOrEqual(15);
});

test('what one keeps is 404 for the other, on every route, and is still there afterwards', async () => {
  const kept = await keepAll(ada, 'ada');
  const other = askWith(server, grace.key);
  for (const row of ROUTES) {
    const ids = idsOf(row, kept);
    expect(ids, row.path).not.toEqual([]);
    const foreign = await tryRoute(other, row, ids);
    expect([row.name, foreign.slice(0, 3)]).toEqual([row.name, '404']);
    // The answer does not tell an id of somebody else from one that never was.
    const another = (first: string): string => (first === 'x' ? 'y' : 'x');
    // The number of an answer says nothing about anybody.
    const never = ids.map((id) => (/^\d+$/.test(id) ? id : id.replace(/[^-_]/, another)));
    const missing = await tryRoute(other, row, never);
    const plain = (text: string, own: readonly string[]) =>
      own.reduce((rest, id) => rest.replaceAll(id, 'ID'), text);
    expect(plain(foreign, ids)).toBe(plain(missing, never));
  }
  const own = askWith(server, ada.key);
  for (const row of ROUTES.filter(({ method }) => method === 'GET'))
    expect([row.name, (await tryRoute(own, row, idsOf(row, kept))).slice(0, 3)]).toEqual([
      row.name,
      '200',
    ]);
});

test('lists, searches and references hold nothing of the other', async () => {
  const kept = await keepAll(ada, 'list');
  const other = askWith(server, grace.key);
  for (const path of [
    ...['/v1/files', '/v1/batches', '/v1/collections', '/v1/chat/completions'],
    ...['/v1/vector_stores', '/v1/fine_tuning/jobs'],
    `/v1/files?after=${kept['/v1/files/:id']}`,
    '/v1/files?order=asc',
    `/v1/batches?after=${kept['/v1/batches/:id']}`,
  ]) {
    const { data } = await (await other(path)).json<{ data: unknown[] }>();
    expect([path, data]).toEqual([path, []]);
  }
  const batch = { endpoint: '/v1/completions', completion_window: '24h' };
  const refused = [
    await other('/v1/batches', { ...batch, input_file_id: kept['/v1/files/:id'] }),
    await other('/v1/fine_tuning/jobs', {
      ...{ model: 'default', training_file: kept['/v1/files/:id'] },
    }),
    await other('/v1/responses', { input: 'a', previous_response_id: kept['/v1/responses/:id'] }),
    await other('/v1/chat/completions', {
      messages: [{ role: 'user', content: 'a' }],
      retrieval: { collection: kept['/v1/collections/:name'] },
    }),
  ];
  for (const response of refused) expect([400, 404]).toContain(response.status);
});

test('guessed ids find nothing, also those that try to leave the subject', async () => {
  const kept = await keepAll(ada, 'guess');
  const random = seededRandom(15);
  const other = askWith(server, grace.key);
  const guesses = (id: string): string[] => [
    `${ada.id}/${id}`,
    `../${ada.id}/${id}`,
    `%2e%2e%2f${ada.id}%2f${id}`,
    `${encodeURIComponent(`${ada.id}/`)}${id}`,
    `${id}/`,
    ` ${id}`,
    `${id}\0`,
    '*',
    '%',
    ...Array.from({ length: N_GUESS }, () => guess(id, random)),
  ];
  for (const row of ROUTES)
    for (const id of guesses(idsOf(row, kept)[0]!)) {
      const answer = await tryRoute(other, row, [id, kept[':document']!]);
      expect(answer, `${row.name} ${id}`).toMatch(/^(400|404|405) /);
    }
});

/** An id of the same kind, made near the same time. */
function guess(id: string, random: () => number): string {
  const prefix = /^[a-z]+[-_]/.exec(id)?.[0] ?? '';
  if (/^(file-|batch_)/.test(prefix)) return newObjectId(prefix, Date.now() - random() * 10_000);
  const at = Math.floor(random() * id.length);
  return `${id.slice(0, at)}${Math.floor(random() * 10)}${id.slice(at + 1)}`;
}

test('keys of one subject share what it keeps', async () => {
  const options = { subject: 'team' };
  const [one, two] = [await makeKey(server, options), await makeKey(server, options)];
  const id = await upload(one.key, 'shared');
  expect((await askWith(server, two.key)(`/v1/files/${id}`)).status).toBe(200);
  expect((await askWith(server, ada.key)(`/v1/files/${id}`)).status).toBe(404);
});

test("cached tokens tell nothing of the other's prompts", async () => {
  const prompt = 'Once upon a time there was a little girl who liked to read';
  const cached = async (key: string): Promise<number> => {
    const response = await askWith(server, key)('/v1/completions', { prompt, max_tokens: 2 });
    type Usage = { usage: { prompt_tokens_details: { cached_tokens: number } } };
    return (await response.json<Usage>()).usage.prompt_tokens_details.cached_tokens;
  };
  // Subjects that have asked nothing before.
  const [first, second] = [await makeKey(server), await makeKey(server)];
  expect(await cached(first.key)).toBe(0);
  expect(await cached(first.key)).toBeGreaterThan(4);
  expect(await cached(second.key)).toBe(0);
});
