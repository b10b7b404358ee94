/** `thimble mcp` as a client of stdio starts it. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { Client } from '@modelcontextprotocol/sdk/client/index.js';
import { StdioClientTransport } from '@modelcontextprotocol/sdk/client/stdio.js';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { shareTestServer, type SharedServer } from '../support/http-server.ts';
import { runThimble } from '../support/program.ts';

let server: SharedServer;
let home: string;
beforeAll(async () => {
  server = await shareTestServer();
  home = await mkdtemp(join(tmpdir(), 'thimble-mcp-'));
});
afterAll(async () => {
  await server.close();
  await rm(home, { recursive: true, force: true });
});

test('a client lists, calls, and gives a call up', async () => {
  const client = new Client({ name: 'test', version: '1.0.0' });
  const transport = new StdioClientTransport({
    ...{ command: process.execPath, args: ['scripts/bin/thimble.mjs', 'mcp', server.url] },
    ...{ cwd: repoRoot, env: { ...process.env, THIMBLE_HOME: home } },
  });
  await client.connect(transport);
  const { tools } = await client.listTools();
  expect(tools.map(({ name }) => name)).toContain('translate');
  const text = 'The sea is blue.';
  const short = { text, target: 'French', max_tokens: 4 };
  const result = await client.callTool({ name: 'translate', arguments: short });
  expect(result.structuredContent).toHaveProperty('translation');
  const abort = new AbortController();
  const long = { ...short, text: `${text}\n`.repeat(390), max_tokens: 200 };
  const called = client.callTool({ name: 'translate', arguments: long }, undefined, {
    signal: abort.signal,
    onprogress: () => abort.abort('enough'),
  });
  await expect(called).rejects.toThrow('enough');
  const inFlight = async () => {
    const text = await (await fetch(`${server.url}/metrics`)).text();
    return Number(/^thimble_requests_in_flight\S* (\d+)$/m.exec(text)?.[1]);
  };
  await expect.poll(inFlight).toBe(1);
  await client.close();
});

test('what cannot be reached, or understood, is an answer', async () => {
  const ping = JSON.stringify({ jsonrpc: '2.0', id: 7, method: 'ping' });
  const dead = await runThimble(['mcp', 'http://127.0.0.1:9'], { home, input: `${ping}\n` });
  expect(JSON.parse(dead.stdout)).toMatchObject({ id: 7, error: { code: -32603 } });
  const odd = await runThimble(['mcp', server.url], { home, input: `nothing\n${ping}\n` });
  expect(odd.stderr).toContain('expected a JSON object');
  expect(JSON.parse(odd.stdout)).toEqual({ jsonrpc: '2.0', id: 7, result: {} });
  const none = await runThimble(['mcp', 'nothing'], { home, input: '' });
  expect([none.code, none.stdout]).toEqual([1, '']);
});
