/** `thimble keys`, and a command that asks a server with one. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { startTestServer, type TestServer } from '../support/http-server.ts';
import { makeKey } from '../support/keys.ts';
import { runThimble } from '../support/program.ts';

let home: string;
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'thimble-keys-'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

const keys = (...args: string[]) => runThimble(['keys', ...args], { home });

interface Shown {
  readonly id: string;
  readonly key?: string;
  readonly scopes: readonly string[];
  readonly revokedAt: string | null;
  readonly limits: object | null;
}

test('a key is created, listed, rotated and revoked; its secret is shown once', async () => {
  const options = ['--scope', 'chat,read', '--expires', '90d', '--tokens-per-day', '1000'];
  const created = await keys('create', '--name', 'laptop', ...options, '--json');
  expect(created.code).toBe(0);
  const { id, key = '', scopes, limits } = JSON.parse(created.stdout) as Shown;
  expect(key).toMatch(new RegExp(`^thk_${id}_[A-Za-z0-9_-]{43}$`));
  expect(scopes).toEqual(['chat', 'read']);
  expect(limits).toEqual({ tokensPerDay: 1000 });
  const rotated = await keys('rotate', id, '--overlap', '1h', '--json');
  const next = JSON.parse(rotated.stdout) as Shown;
  expect(next.id).toBe(id);
  expect(next.key).not.toBe(key);
  const revoked = await keys('revoke', id);
  expect(revoked.stdout).toContain(`revoked ${id} (laptop)`);
  const listed = await keys('list', '--json');
  const all = (JSON.parse(listed.stdout) as { keys: Shown[] }).keys;
  expect(all.map((one) => one.id)).toEqual([id]);
  expect(all[0]?.revokedAt).not.toBeNull();
  for (const secret of [key, next.key ?? ''])
    expect(listed.stdout + revoked.stdout).not.toContain(secret.slice(21));
  const again = await keys('rotate', id);
  expect(again.code).toBe(1);
  expect(again.stderr).toContain('was revoked');
});

test('what is wrong with an option is said', async () => {
  const tries: [string[], string][] = [
    [['create'], '--name'],
    [['create', '--name', 'a', '--scope', 'all'], 'Expected names of chat'],
    [['create', '--name', 'a', '--expires', '2001-01-01'], 'a time to come'],
    [['create', '--name', 'a', '--expires', '5x'], '90d'],
    [['create', '--name', 'a', '--subject', 'jwt:x'], 'letters, digits'],
    [['revoke', '../../models'], 'no key'],
  ];
  for (const [args, message] of tries) {
    const { code, stderr } = await keys(...args);
    expect([args, code]).toEqual([args, 1]);
    expect(stderr).toContain(message);
  }
});

test('a command asks a server with the key in THIMBLE_API_KEY', async () => {
  // own server: it asks for keys.
  const server: TestServer = await startTestServer({ vars: { ACCESS: 'keys' } });
  try {
    const { key } = await makeKey(server);
    const args = ['summarize', '--url', server.url, '-'];
    const without = await runThimble(args, { home, input: 'Once upon a time.' });
    expect(without.code).toBe(1);
    expect(without.stderr).toContain('THIMBLE_API_KEY');
    const env = { THIMBLE_API_KEY: key };
    const withKey = await runThimble(args, { home, env, input: 'Once upon a time.' });
    expect(withKey.stderr).not.toContain('E_KEY_INVALID');
    expect(withKey.code).toBe(0);
  } finally {
    await server.close();
  }
});
