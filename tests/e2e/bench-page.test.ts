/** The engine in a page, as the bench asks it; and what the page's server gives away. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { servePage } from '../../scripts/bench/peers/page-server.ts';
import type { PageServer } from '../../scripts/bench/peers/page-server.ts';
import { findBrowser } from '../support/needs.ts';
import { runThimble } from '../support/program.ts';

let home = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'thimble-bench-page-'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

const browser = await findBrowser();
await browser?.close();

test.skipIf(browser === null)('the engine answers in Chromium', async () => {
  const { code, stdout, stderr } = await runThimble(
    [
      ...['bench', '-m', 'stories260k', '--rounds', '1', '--json', '--only', 'chromium'],
      ...['--rows', 'prefill-32,decode-16,streams-2,first-token-cold,peak-memory,bundle'],
    ],
    { home },
  );
  expect(stderr).not.toContain('error');
  expect(code).toBe(0);
  const { rows, failures } = JSON.parse(stdout) as {
    rows: { name: string; peers: Record<string, { median: number }> }[];
    failures: object;
  };
  expect(failures).toEqual({});
  expect(rows).toHaveLength(6);
  for (const { peers } of rows) expect(peers['chromium']?.median).toBeGreaterThan(0);
});

describe('the page server', () => {
  let server: PageServer;
  beforeAll(async () => {
    await writeFile(join(home, 'secret.txt'), 'secret');
    const paths = { '/file.bin': join(home, 'secret.txt'), '/folder/': join(home, 'folder') };
    server = await servePage({ html: '<p>page</p>', scripts: { '/a.js': '1' }, paths });
  });
  afterAll(() => server.close());

  /** fetch would tidy the path up before it is sent. */
  const get = (path: string): Promise<{ status: number; body: string }> =>
    new Promise((resolve, reject) => {
      const sent = request(
        { host: '127.0.0.1', port: new URL(server.url).port, path },
        (response) => {
          let body = '';
          response.on('data', (part: Uint8Array) => (body += new TextDecoder().decode(part)));
          response.on('end', () => resolve({ status: response.statusCode ?? 0, body }));
        },
      );
      sent.on('error', reject).end();
    });

  test('gives the page, scripts and named files', async () => {
    expect(await get('/')).toEqual({ status: 200, body: '<p>page</p>' });
    expect(await get('/a.js')).toEqual({ status: 200, body: '1' });
    expect(await get('/file.bin')).toEqual({ status: 200, body: 'secret' });
  });

  test.each([
    '/folder/../secret.txt',
    '/folder/%2e%2e/secret.txt',
    '/folder/..%2fsecret.txt',
    '/x',
  ])('%s is not there', async (path) => expect(await get(path)).toMatchObject({ status: 404 }));
});
