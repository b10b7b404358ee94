/**
 * `npm start` as a person uses it: the default model, over isolates of 128 MB, says something useful; another
 * model is added while it runs, and both answer.
 * @module-tag slow
 */
import { copyFile, link, mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import OpenAI from 'openai';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { DEFAULT_MODEL_ID } from '../../scripts/pull/catalogue.ts';
import { findModelFile } from '../support/needs.ts';
import { startBootstrap, startThimble } from '../support/program.ts';
import type { Running } from '../support/program.ts';

const SERVING = /Serving (\S+) at (http:\S+)\n/;
const gguf = findModelFile(DEFAULT_MODEL_ID);

// Without the file there is nothing to serve; `npm test` pulls it and says why when it cannot.
describe.skipIf(gguf === null)('npm start, with the default model', () => {
  let home = '';
  let server: Running;
  let client: OpenAI;
  beforeAll(async () => {
    home = await mkdtemp(join(tmpdir(), 'thimble-default-'));
    const dir = join(home, 'cache', 'models', DEFAULT_MODEL_ID);
    await mkdir(dir, { recursive: true });
    const path = join(dir, basename(gguf ?? ''));
    await link(gguf ?? '', path).catch(() => copyFile(gguf ?? '', path));
    server = startBootstrap(['--port', '0'], { home });
    const [, , url = ''] = await server.waitFor(SERVING);
    client = new OpenAI({ baseURL: `${url}/v1`, apiKey: 'none', maxRetries: 0 });
  }, 400_000);
  afterAll(async () => {
    server.kill('SIGKILL');
    await rm(home, { recursive: true, force: true });
  });

  const ask = async (content: string, model = DEFAULT_MODEL_ID): Promise<string> => {
    const messages = [{ role: 'user' as const, content }];
    const request = { model, messages, temperature: 0, max_tokens: 40 };
    const { choices } = await client.chat.completions.create(request);
    return choices[0]?.message.content ?? '';
  };

  test('says where the model lies', () => {
    expect(server.output()).toMatch(/isolate 0 .*layers 0-/);
  });

  test('knows what a person asks first', async () => {
    expect(await ask('What is the capital of France?')).toContain('Paris');
    expect(await ask('Who wrote Romeo and Juliet?')).toContain('Shakespeare');
    expect(await ask('What is 17 + 25?')).toContain('42');
  }, 120_000);

  test('answers beside another model that is added while it runs', async () => {
    const { code, stderr } = await startThimble(['push', 'stories260k'], { home }).ended;
    // It was not imported in this home: the hint names the command that does it.
    expect([code, stderr]).toEqual([1, expect.stringContaining('thimble import')]);
    const file = join('assets', 'stories260k', 'stories260K.bin');
    const importing = ['import', file, '--tokenizer', join('assets', 'stories260k', 'tok512.bin')];
    expect((await startThimble([...importing, '--id', 'tales'], { home }).ended).code).toBe(0);
    expect((await startThimble(['push', 'tales'], { home }).ended).code).toBe(0);
    const tell = async () => {
      const request = { model: 'tales', prompt: 'Once upon a time', max_tokens: 20 };
      return (await client.completions.create({ ...request, temperature: 0 })).choices[0]?.text;
    };
    await expect.poll(tell, { timeout: 20_000 }).toMatch(/there was/);
    const [told, answered] = await Promise.all([tell(), ask('What is the capital of Italy?')]);
    expect(told).toMatch(/there was/);
    expect(answered).toContain('Rome');
  }, 120_000);
});
