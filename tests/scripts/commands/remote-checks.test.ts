// own server: one that asks for keys, and one that does not.
/** What a deployment shows of itself, and what its account says. */
import { afterAll, beforeAll, expect, test } from 'vitest';
import {
  judgeCaps,
  judgeKeys,
  judgePublicAddress,
  judgeWatermark,
} from '../../../scripts/commands/account-checks.ts';
import { REMOTE_CHECKS } from '../../../scripts/commands/remote-checks.ts';
import { createKey } from '../../../scripts/push/keys.ts';
import { startTestServer } from '../../support/http-server.ts';
import type { TestServer } from '../../support/http-server.ts';

let server: TestServer;
let open: TestServer;

beforeAll(async () => {
  server = await startTestServer({ vars: { ACCESS: 'keys', ALLOWED_ORIGINS: '' } });
  open = await startTestServer({ vars: { ACCESS: 'public' } });
});
afterAll(async () => {
  await server.close();
  await open.close();
});

async function look(url: string): Promise<Record<string, string>> {
  const rows: Record<string, string> = {};
  for (const { name, run } of REMOTE_CHECKS) {
    const { status, found } = await run(url);
    rows[name] = `${status}: ${found}`;
  }
  return rows;
}

test('a deployment without a key is told to make one, and then is sound', async () => {
  const before = await look(server.url);
  expect(before['who may ask']).toBe('fail: nobody: there is no key');
  expect(before['limits']).toContain('warn: not looked at');
  const about = { name: 'doctor', scopes: ['read'], models: null, expiresAt: null } as const;
  const limits = { requestsPerMinute: 3000, tokensPerMinute: 1000 };
  const { key } = await createKey(server.bucket, { ...about, limits });
  const previous = process.env['THIMBLE_API_KEY'];
  process.env['THIMBLE_API_KEY'] = key;
  try {
    await expect
      .poll(async () => await look(server.url), { timeout: 30_000, interval: 500 })
      .toEqual({
        answers: 'ok: /healthz 200',
        HTTPS: 'fail: no: keys are sent in the clear',
        'who may ask': 'ok: callers with a key',
        'a wrong key': 'ok: is refused',
        metrics: 'ok: need a key',
        CORS: 'ok: pages of others may not ask',
        headers: 'ok: all',
        limits: 'ok: 3000 requests, 1000 tokens in a minute',
      });
  } finally {
    if (previous === undefined) delete process.env['THIMBLE_API_KEY'];
    else process.env['THIMBLE_API_KEY'] = previous;
  }
});

test('a public deployment is named as such', async () => {
  const rows = await look(open.url);
  expect(rows['who may ask']).toBe('warn: everyone, without a key');
  expect(rows['a wrong key']).toMatch(/^(ok|warn): /);
  expect(rows['CORS']).toBe('warn: pages of * may ask');
  expect(rows['metrics']).toMatch(/^(ok|warn): /);
});

test('an account is judged by its bucket, keys, watermark and cap', () => {
  const status = ({ status }: { status: string }): string => status;
  const disabled = 'Public access via the r2.dev URL is disabled.';
  const enabled = "Public access is enabled at 'https://pub-1.r2.dev'.";
  expect(status(judgePublicAddress('models', 0, disabled))).toBe('ok');
  expect(judgePublicAddress('models', 0, enabled)).toMatchObject({
    status: 'fail',
    fix: 'Close it: npx wrangler r2 bucket dev-url disable models',
  });
  expect(status(judgePublicAddress('models', 1, 'You are not logged in'))).toBe('warn');

  const key = { revokedAt: null, expiresAt: null, scopes: ['admin' as const] };
  const [past, later] = ['2020-01-01T00:00:00Z', '2020-01-02T00:00:00Z'];
  const nowMs = Date.parse(later);
  expect(status(judgeKeys([], nowMs))).toBe('fail');
  expect(status(judgeKeys([{ ...key, revokedAt: past }], nowMs))).toBe('fail');
  expect(status(judgeKeys([{ ...key, expiresAt: past }], nowMs))).toBe('fail');
  expect(judgeKeys([key, { ...key, scopes: ['read'] }], nowMs).found).toContain('2 in force, 1 of');

  expect(status(judgeWatermark({}, null))).toBe('warn');
  expect(status(judgeWatermark({ WATERMARK_KEY: 'a' }, null))).toBe('ok');
  expect(status(judgeWatermark({}, '{}'))).toBe('ok');

  expect(status(judgeCaps({ tokens: Infinity, usd: Infinity }))).toBe('fail');
  expect(judgeCaps({ tokens: Infinity, usd: 5 }).found).toMatch(/^5 USD in a day/);
});
