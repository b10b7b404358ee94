/** What was stored is there after a backup and a restore on empty storage; a damaged file changes nothing. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { restoreBackup, writeBackup } from '../../../scripts/backup/backup.ts';
import { BackupServer } from '../../../scripts/backup/server-client.ts';
import { fileForm, KeyClient } from '../../../scripts/lib/key-client.ts';
import { createKey } from '../../../scripts/push/keys.ts';
import { SCOPES } from '../../../worker/platform/caller.ts';
import { TINY_ENCODER_ID } from '../../support/encoders.ts';
import { startTestServer, STORIES_ID } from '../../support/http-server.ts';
import type { TestServer } from '../../support/http-server.ts';

// own server: one whose storage is copied, and one that is empty before.
const OPTIONS = { vars: { ACCESS: 'keys' }, models: [TINY_ENCODER_ID] };
const LINES = `${JSON.stringify({ custom_id: 'a', method: 'POST', url: '/v1/completions', body: { prompt: 'Once', max_tokens: 4 } })}\n`;
/** More than a piece of the file, and more than a part of an upload. */
const LARGE = 'The sea is warm and blue.\n'.repeat(300_000);

let folder: string;
let before: TestServer;
let after: TestServer;
const previousKey = process.env['THIMBLE_API_KEY'];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'thimble-backup-test-'));
  [before, after] = [await startTestServer(OPTIONS), await startTestServer(OPTIONS)];
});
afterAll(async () => {
  if (previousKey === undefined) delete process.env['THIMBLE_API_KEY'];
  else process.env['THIMBLE_API_KEY'] = previousKey;
  await before.close();
  await after.close();
  await rm(folder, { recursive: true, force: true });
});

async function makeKey(server: TestServer, subject: string): Promise<string> {
  const about = { name: subject, subject, scopes: SCOPES, models: null, expiresAt: null };
  return (await createKey(server.bucket, { ...about, limits: null })).key;
}

async function jsonOf<T = unknown>(asked: Promise<{ status: number; text: string }>): Promise<T> {
  const { status, text } = await asked;
  expect([status, status === 200 ? '' : text]).toEqual([200, '']);
  return JSON.parse(text) as T;
}

test('what was stored is there again, and belongs to whom it did', async () => {
  const [anna, ben] = [await makeKey(before, 'anna'), await makeKey(before, 'ben')];
  const client = new KeyClient(before.url, anna);
  const turn = (content: string) => ({
    ...{ model: STORIES_ID, session: 'trip', max_tokens: 4 },
    messages: [{ role: 'user', content }],
  });
  await jsonOf(client.ask('/v1/chat/completions', turn('Once')));
  const { id: responseId } = await jsonOf<{ id: string }>(
    client.ask('/v1/responses', { model: STORIES_ID, input: 'Once', max_output_tokens: 4 }),
  );
  const { id: fileId } = await jsonOf<{ id: string }>(
    client.ask('/v1/files', fileForm('a.jsonl', LARGE)),
  );
  const { id: inputId } = await jsonOf<{ id: string }>(
    client.ask('/v1/files', fileForm('b.jsonl', LINES)),
  );
  await jsonOf(client.ask('/v1/collections', { name: 'notes', model: TINY_ENCODER_ID }));
  const documents = [
    { id: 'sea', content: 'The sea is warm and blue.' },
    { id: 'bread', content: 'Bread is baked in the morning.' },
  ];
  await jsonOf(client.ask('/v1/collections/notes/documents', { documents }));
  const batch = { input_file_id: inputId, endpoint: '/v1/completions', completion_window: '24h' };
  const { id: batchId } = await jsonOf<{ id: string }>(client.ask('/v1/batches', batch));
  await expect
    .poll(async () => (await client.ask(`/v1/batches/${batchId}`)).text, { timeout: 30_000 })
    .toContain('"completed"');
  const paths = [
    '/v1/sessions/trip',
    `/v1/responses/${responseId}`,
    `/v1/responses/${responseId}/input_items`,
    `/v1/files/${fileId}/content`,
    '/v1/collections/notes',
    '/v1/collections/notes/documents',
    `/v1/batches/${batchId}`,
    '/v1/batches',
  ];
  const search = (mode: string) => ({ query: 'warm sea', mode });
  const look = async (client: KeyClient): Promise<string[]> => {
    const answers = [];
    for (const path of paths) answers.push(await client.ask(path));
    for (const mode of ['text', 'vector', 'hybrid'])
      answers.push(await client.ask('/v1/collections/notes/search', search(mode)));
    return answers.map(({ status, text }) => `${status} ${text}`);
  };
  const seen = await look(client);
  expect(seen.filter((text) => !text.startsWith('200 '))).toEqual([]);

  process.env['THIMBLE_API_KEY'] = anna;
  const path = join(folder, 'whole');
  const written = await writeBackup(new BackupServer(before.url), path);
  expect(written.byKind).toMatchObject({
    ...{ keys: 2, files: 3, accounts: 2 },
    ...{ sessions: 1, responses: 1, collections: 1, batches: 1 },
  });

  process.env['THIMBLE_API_KEY'] = await makeKey(after, 'owner');
  const cut = join(folder, 'cut');
  const bytes = await readFile(path);
  await writeFile(cut, bytes.subarray(0, bytes.length - 200));
  const changed = join(folder, 'changed');
  const at = bytes.indexOf('"base64":"') + 40;
  const other = Uint8Array.from(bytes);
  other[at] = other[at] === 65 ? 66 : 65;
  await writeFile(changed, other);
  const server = new BackupServer(after.url);
  await expect(restoreBackup(server, cut)).rejects.toThrow(/cut off/);
  await expect(restoreBackup(server, changed)).rejects.toThrow(/its SHA-256 is another/);
  const restored = new KeyClient(after.url, anna);
  expect((await restored.ask('/v1/models')).status).toBe(401);

  expect((await restoreBackup(server, path)).items).toBe(written.items);
  expect((await restoreBackup(server, path)).items).toBe(written.items);
  // The server looks for an id that it did not know once in a while.
  await expect.poll(async () => (await restored.ask('/v1/models')).status).toBe(200);
  expect(await look(restored)).toEqual(seen);
  const stranger = new KeyClient(after.url, ben);
  expect((await stranger.ask(`/v1/responses/${responseId}`)).status).toBe(404);
  expect((await stranger.ask('/v1/sessions/trip')).status).toBe(404);
  expect((await stranger.ask(`/v1/files/${fileId}`)).status).toBe(404);

  // It goes on: a turn, a document, and the same after a restart.
  await jsonOf(restored.ask('/v1/chat/completions', turn('And then?')));
  const more = [{ id: 'ship', content: 'A ship crosses the warm sea.' }];
  await jsonOf(restored.ask('/v1/collections/notes/documents', { documents: more }));
  await after.restart();
  const { messages } = await jsonOf<{ messages: { role: string }[] }>(
    new KeyClient(after.url, anna).ask('/v1/sessions/trip'),
  );
  expect(messages).toHaveLength(4);
  const { text } = await new KeyClient(after.url, anna).ask(
    '/v1/collections/notes/search',
    search('text'),
  );
  expect(text).toContain('A ship crosses');

  // What was erased stays erased, whatever a backup holds.
  await jsonOf(new KeyClient(after.url, anna).ask('/v1/subjects/me', undefined, 'DELETE'));
  await restoreBackup(new BackupServer(after.url), path);
  const erased = (await look(new KeyClient(after.url, anna))).join('\n');
  expect(erased).not.toMatch(/warm and blue|baked in the morning/);
  expect(erased).not.toContain(LARGE.slice(0, 20));
});

test('a backup needs a key with the scope admin, and never replaces a file', async () => {
  const about = { name: 'reader', scopes: ['read' as const], models: null, expiresAt: null };
  const { key } = await createKey(before.bucket, { ...about, limits: null });
  process.env['THIMBLE_API_KEY'] = key;
  const server = new BackupServer(before.url);
  await expect(writeBackup(server, join(folder, 'none'))).rejects.toThrow(/scope admin/);
  await expect(writeBackup(server, join(folder, 'whole'))).rejects.toThrow(/exists/);
});
