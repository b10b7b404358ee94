/** Ratings of a session's answers, and who may learn from them: only with consent, never after it is gone. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { importSmall, SMALL_TEMPLATE } from '../support/adapter-training.ts';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { type AskWith, askWith, makeKey } from '../support/keys.ts';
import { runThimble } from '../support/program.ts';

let server: TestServer;
let root = '';
let home = '';

beforeAll(async () => {
  // own server: it asks for keys, and what all of them keep is listed.
  server = await startTestServer({ vars: { ACCESS: 'keys' } });
  root = await mkdtemp(join(tmpdir(), 'thimble-feedback-'));
  // THIMBLE_HOME has the models below "data".
  const { modelsRoot } = await importSmall(root, 'q8', {}, SMALL_TEMPLATE, 'data/models');
  home = dirname(dirname(modelsRoot));
});
afterAll(async () => {
  await server.close();
  await rm(root, { recursive: true, force: true });
});

interface Rating {
  readonly turn: number;
  readonly rating: string;
  readonly better: string | null;
}
interface SessionJson {
  readonly allow_training: boolean;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
  readonly feedback: readonly Rating[];
}
interface Page {
  readonly data: readonly {
    readonly id: string;
    readonly messages: readonly object[];
    readonly ratings: readonly Rating[];
  }[];
  readonly has_more: boolean;
  readonly last_id: string | null;
}

async function json<T>(response: Response, status = 200): Promise<T> {
  const text = await response.text();
  expect([response.status, text]).toEqual([status, text]);
  return JSON.parse(text) as T;
}

class Person {
  readonly ask: AskWith;
  readonly key: string;

  constructor(key: string) {
    this.key = key;
    this.ask = askWith(server, key);
  }

  async say(session: string, content: string, more: object = {}): Promise<string> {
    const body = { session, messages: [{ role: 'user', content }], max_tokens: 6, temperature: 0 };
    const answer = await json<{ choices: { message: { content: string } }[] }>(
      await this.ask('/v1/chat/completions', { ...body, ...more }),
    );
    return answer.choices[0]!.message.content;
  }

  rate(session: string, body: object): Promise<Response> {
    return this.ask(`/v1/sessions/${session}/feedback`, body);
  }

  async read(session: string): Promise<SessionJson> {
    return await json<SessionJson>(await this.ask(`/v1/sessions/${session}`));
  }

  async list(query = ''): Promise<Page> {
    return await json<Page>(await this.ask(`/v1/feedback?${query}`));
  }
}

async function person(scopes?: ('chat' | 'retrieval' | 'read' | 'admin')[]): Promise<Person> {
  return new Person((await makeKey(server, scopes === undefined ? {} : { scopes })).key);
}

test('nothing may be learned from until it is allowed, and after it is withdrawn', async () => {
  const ada = await person(['chat']);
  await ada.say('diary', 'Once upon a time');
  expect(await json(await ada.rate('diary', { turn: 1, rating: 'up' }))).toMatchObject({
    ...{ session: 'diary', object: 'session.rating', turn: 1, rating: 'up', better: null },
  });
  expect(await ada.read('diary')).toMatchObject({
    ...{ allow_training: false, feedback: [{ turn: 1, rating: 'up', better: null }] },
  });
  expect((await ada.list()).data).toEqual([]);

  const said = await ada.say('diary', ' Then', { allow_training: true });
  await json(await ada.rate('diary', { turn: 2, rating: 'down', better: 'The end.' }));
  // What a turn does not say stays as it was.
  await ada.say('diary', ' And');
  const kept = await ada.read('diary');
  expect(kept.allow_training).toBe(true);
  const [row] = (await ada.list()).data;
  expect(row).toMatchObject({
    ratings: [
      { turn: 1, rating: 'up', better: null },
      { turn: 2, rating: 'down', better: 'The end.' },
    ],
  });
  expect(row!.messages[3]).toEqual({ role: 'assistant', content: said });
  // Rated again, the last rating counts.
  await json(await ada.rate('diary', { turn: 2, rating: 'up' }));
  expect((await ada.list()).data[0]!.ratings[1]).toMatchObject({ rating: 'up', better: null });

  const withdrawn = await ada.ask('/v1/sessions/diary', { allow_training: false });
  expect(await json<SessionJson>(withdrawn)).toMatchObject({ allow_training: false });
  expect((await ada.list()).data).toEqual([]);
  expect((await ada.read('diary')).feedback).toHaveLength(2);
});

test('a rating is taken back by whoever gave it, and is not learned from any more', async () => {
  const [ada, grace] = [await person(['chat']), await person(['chat'])];
  await ada.say('back', 'Once', { allow_training: true });
  await ada.say('back', ' Then');
  await json(await ada.rate('back', { turn: 1, rating: 'down', better: 'ab' }));
  await json(await ada.rate('back', { turn: 2, rating: 'up' }));
  const remove = (one: Person, path: string): Promise<Response> =>
    one.ask(`/v1/sessions/${path}`, undefined, 'DELETE');
  // A session of the same name of somebody else's is none.
  expect((await remove(grace, 'back/feedback/1')).status).toBe(404);
  expect((await ada.read('back')).feedback).toHaveLength(2);
  const deleted = { id: '1', object: 'session.rating.deleted', deleted: true };
  expect(await json(await remove(ada, 'back/feedback/1'))).toEqual(deleted);
  expect((await ada.read('back')).feedback.map(({ turn }) => turn)).toEqual([2]);
  expect((await ada.list()).data[0]!.ratings.map(({ turn }) => turn)).toEqual([2]);
  for (const [path, status, message] of [
    ['back/feedback/1', 404, /^turn: answer 1 of the session has no rating/],
    ['back/feedback/3', 404, /^turn: answer 3 of the session has no rating/],
    ['none/feedback/1', 404, /^session: no session "none"/],
    ['back/feedback/0', 400, /^turn: expected the number of an answer/],
    ['back/feedback/1.0', 400, /^turn: /],
  ] as const) {
    const response = await remove(ada, path);
    const { error } = await json<{ error: { message: string } }>(response, status);
    expect(error.message).toMatch(message);
  }
  await json(await remove(ada, 'back/feedback/2'));
  expect((await ada.list()).data).toEqual([]);
  // It can be rated again.
  await json(await ada.rate('back', { turn: 1, rating: 'up' }));
  expect((await ada.read('back')).feedback).toMatchObject([{ turn: 1, better: null }]);
});

test('of others only an administrator reads, page by page', async () => {
  const [ada, grace, admin] = [
    await person(['chat']),
    await person(['chat']),
    await person(['admin']),
  ];
  for (const [one, sessions] of [
    [ada, ['a1', 'a2', 'a3']],
    [grace, ['g1']],
  ] as const)
    for (const session of sessions) {
      await one.say(session, `Once in ${session}`, { allow_training: session !== 'a2' });
      await json(await one.rate(session, { turn: 1, rating: 'up' }));
    }
  const ids = (page: Page): string[] => page.data.map(({ id }) => id.replace(/^.*\//, ''));
  expect(ids(await ada.list())).toEqual(['a1', 'a3']);
  expect(ids(await grace.list())).toEqual(['g1']);
  expect((await ada.ask('/v1/feedback?all=true')).status).toBe(403);
  const found: string[] = [];
  for (let from: string | null = ''; from !== null;) {
    const page: Page = await admin.list(`all=true&limit=2${from}`);
    found.push(...ids(page));
    from = page.has_more ? `&after=${encodeURIComponent(page.last_id!)}` : null;
  }
  expect(found.filter((id) => /^[ag]\d$/.test(id)).toSorted()).toEqual(['a1', 'a3', 'g1']);
  // An id of somebody else's does not lead to what they keep.
  const foreign = (await admin.list('all=true&limit=100')).data.map(({ id }) => id);
  for (const after of foreign)
    for (const id of ids(await ada.list(`after=${encodeURIComponent(after)}`)))
      expect(id).toMatch(/^a/);
  expect((await ada.ask('/v1/feedback?after=x')).status).toBe(400);
  const reader = await person(['read']);
  expect((await reader.ask('/v1/feedback')).status).toBe(403);
  expect((await grace.rate('a1', { turn: 1, rating: 'down' })).status).toBe(404);
});

test('what is better is redacted as its session is', async () => {
  const ada = await person(['chat']);
  const email = 'ada@example.org';
  await ada.say('letters', `Write to ${email}`, { redact: ['email'], allow_training: true });
  const rate = (more: object) => ada.rate('letters', { turn: 1, rating: 'down', ...more });
  await json(await rate({ better: `Dear ${email}, and bob@example.org!` }));
  expect((await ada.read('letters')).feedback[0]!.better).toBe('Dear <EMAIL_1>, and <EMAIL_2>!');
  expect(JSON.stringify((await ada.list()).data)).not.toContain(email);
});

test('ratings end with their session, its time and its subject', async () => {
  const ada = await person(['chat', 'retrieval']);
  const keep = async (session: string, more: object = {}): Promise<void> => {
    await ada.say(session, 'Once', { allow_training: true, ...more });
    await json(await ada.rate(session, { turn: 1, rating: 'down', better: 'quuxbetter' }));
  };
  await keep('kept');
  await keep('deleted');
  await keep('brief', { retention_s: 4 });
  const sessions = async (): Promise<number> => (await ada.list()).data.length;
  expect(await sessions()).toBe(3);
  const lines = await (await ada.ask('/v1/subjects/me/export')).text();
  expect(lines).toContain('"type":"rating","session":"kept","turn":1,"rating":"down"');
  expect(lines).toContain('"type":"session","id":"kept","allow_training":true');
  await json(await ada.ask('/v1/sessions/deleted', undefined, 'DELETE'));
  await expect.poll(sessions, { timeout: 30_000 }).toBe(1);
  await ada.say('deleted', 'Again', { allow_training: true });
  expect((await ada.read('deleted')).feedback).toEqual([]);
  await json(await ada.ask('/v1/subjects/me', undefined, 'DELETE'));
  expect(await sessions()).toBe(0);
  await ada.say('kept', 'Anew');
  expect(await ada.read('kept')).toMatchObject({ allow_training: false, feedback: [] });
});

test.each<readonly [object, number, RegExp]>([
  [{ turn: 2, rating: 'up' }, 400, /turn: expected 1 to 1, the number of an answer/],
  [{ turn: 0, rating: 'up' }, 400, /turn: /],
  [{ turn: 1, rating: 'fine' }, 400, /rating: /],
  [{ turn: 1, rating: 'down', better: '' }, 400, /better: /],
])('refused: %j', async (body, status, message) => {
  const ada = await person(['chat']);
  const said = await ada.say('refusing', 'Once');
  const { error } = await json<{ error: { message: string } }>(
    await ada.rate('refusing', body),
    status,
  );
  expect(error.message).toMatch(message);
  const same = await ada.rate('refusing', { turn: 1, rating: 'down', better: said });
  expect((await json<typeof same & { error: { message: string } }>(same, 400)).error.message).toBe(
    'better: expected another text than the answer itself.',
  );
  expect((await ada.rate('nobody', { turn: 1, rating: 'up' })).status).toBe(404);
  expect((await ada.ask('/v1/sessions/nobody', { allow_training: true })).status).toBe(404);
});

test('a consent that would be lost is refused', async () => {
  const ada = await person(['chat']);
  const messages = [{ role: 'user', content: 'Once' }];
  for (const more of [{}, { session: 'lost', store: false }]) {
    const body = { messages, max_tokens: 1, allow_training: false, ...more };
    const refused = await ada.ask('/v1/chat/completions', body);
    const { error } = await json<{ error: { param: string } }>(refused, 400);
    expect(error.param).toBe('allow_training');
  }
});

test('thimble finetune learns from what is allowed, and from nothing else', async () => {
  const ada = await person(['chat']);
  const finetune = (form: string[], more: string[] = []) =>
    runThimble(
      [
        ...['finetune', '-m', 'small', '--from-feedback', ...form, '--url', server.url, '--json'],
        ...['--rank', '2', '--steps', '2', '--threads', '1', '--out', join(home, `out${form[0]}`)],
        ...more,
      ],
      { home, env: { THIMBLE_API_KEY: ada.key } },
    );
  await ada.say('shy', 'Once');
  await json(await ada.rate('shy', { turn: 1, rating: 'up' }));
  const none = await finetune([]);
  expect(none.code).toBe(1);
  expect(none.stderr).toContain('0 rated answers may be learned from, and give no answers');

  await ada.say('open', 'Once', { allow_training: true });
  await ada.say('open', 'Twice');
  await json(await ada.rate('open', { turn: 2, rating: 'down', better: 'ab' }));
  for (const form of [[], ['preferences']]) {
    const { code, stdout, stderr } = await finetune(form);
    expect(`${code} ${stderr}`).toMatch(/^0 .*1 rows to learn from/s);
    expect(JSON.parse(stdout)).toMatchObject({ steps: 2, isWhole: true });
  }
  const denied = await finetune([], ['--all']);
  expect(denied.stderr).toContain('scope');
  expect(denied.code).toBe(1);
});
