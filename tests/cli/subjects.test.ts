/** `thimble subjects`: export and erase on a server that asks for keys. */
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { askWith, makeKey } from '../support/keys.ts';
import { runThimble } from '../support/program.ts';

let home: string;
let server: TestServer;
let ada: { readonly id: string; readonly key: string };

beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'thimble-subjects-'));
  // own server: it asks for keys.
  server = await startTestServer({ vars: { ACCESS: 'keys' } });
  ada = await makeKey(server, { scopes: ['chat', 'retrieval'] });
  const body = {
    ...{ session: 'diary', max_tokens: 2 },
    messages: [{ role: 'user', content: 'quuxdiary' }],
  };
  expect((await askWith(server, ada.key)('/v1/chat/completions', body)).status).toBe(200);
});
afterAll(async () => {
  await server.close();
  await rm(home, { recursive: true, force: true });
});

const subjects = (args: readonly string[], key = ada.key) =>
  runThimble(['subjects', ...args, '--url', server.url], { home, env: { THIMBLE_API_KEY: key } });

test('a subject is exported, erased once, and then unknown', async () => {
  const shown = await subjects(['export', 'me']);
  expect(shown.code).toBe(0);
  expect(shown.stdout).toContain('quuxdiary');
  const out = join(home, 'ada.ndjson');
  expect(await subjects(['export', ada.id, '--out', out])).toMatchObject({ code: 0, stdout: '' });
  const lines = (await readFile(out, 'utf8')).trimEnd().split('\n');
  expect(JSON.parse(lines.at(-1) ?? '')).toMatchObject({ type: 'end', lines: { session: 1 } });
  // What was exported before is not overwritten.
  expect((await subjects(['export', ada.id, '--out', out])).code).toBe(1);

  const { key } = await makeKey(server, { scopes: ['admin'] });
  const erased = await subjects(['erase', ada.id], key);
  expect(erased.code).toBe(0);
  const receipt = JSON.parse(erased.stdout) as object;
  expect(receipt).toMatchObject({ subject: ada.id, status: 'erased', deleted: { sessions: 1 } });
  expect((await subjects(['erase', 'me'])).stdout).toBe(erased.stdout);
  const gone = await subjects(['export', 'me']);
  expect(gone.code).toBe(1);
  expect(gone.stderr).toContain('nothing is kept for "me"');
});
