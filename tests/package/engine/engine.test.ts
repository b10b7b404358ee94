/** The engine as the package gives it: the same text from a folder, an address and a bucket. */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { fromBucket, fromFolder, fromUrl, loadModel } from '../../../package/engine/node.ts';
import type {
  BucketLike,
  TextModel,
  TextResult,
  TextStream,
} from '../../../package/engine/node.ts';
import { manifestKey, modelKey } from '../../../worker/platform/model-keys.ts';
import { modelFiles, parseManifest } from '../../../engine/manifest/manifest.ts';
import { generateText, loadLocalModel } from '../../../scripts/node-host/engine.ts';
import { tokenPrompt } from '../../../engine/generate/prompt.ts';
import { DEFAULT_SAMPLING } from '../../../engine/sample/params.ts';
import { importedModel } from '../../support/models.ts';
import { STORIES_ID } from '../../support/run/imports.ts';

const PROMPT = 'Once upon a time';
let folder: string;
let model: TextModel;
beforeAll(async () => {
  ({ folder } = await importedModel(STORIES_ID, 'decoder'));
  model = await loadModel(fromFolder(folder), { contextTokens: 256 });
});
afterAll(() => model.close());

async function collect(stream: TextStream): Promise<TextResult & { pieces: string[] }> {
  const pieces: string[] = [];
  for (;;) {
    const { value, done } = await stream.next();
    if (done === true) return { ...value, pieces };
    pieces.push(value);
  }
}

async function textOf(files: Parameters<typeof loadModel>[0]): Promise<string> {
  const loaded = await loadModel(files);
  return (await collect(loaded.generate(PROMPT, { maxTokens: 24 }))).text;
}

test('it gives the text of the command line, in pieces and whole', async () => {
  const got = await collect(model.generate(PROMPT, { maxTokens: 24 }));
  const local = await loadLocalModel(STORIES_ID, {}, join(folder, '..'));
  const prompt = local.tokenizer.encode(PROMPT, { special: false, bos: true });
  const request = {
    prompt: tokenPrompt(prompt),
    maxTokens: 24,
    sampling: { ...DEFAULT_SAMPLING, temperature: 0 },
    stopTokens: local.manifest.tokenizer.eosIds,
    topLogprobs: null,
    promptLogprobs: false,
  };
  const { signal } = new AbortController();
  const { text } = await generateText(local, request, [], signal, () => {});
  expect(got).toMatchObject({ text, finishReason: 'length', completionTokens: 24 });
  expect(got.pieces.join('')).toBe(text);
  expect(got.promptTokens).toBe(prompt.length);
});

test('a stop text ends it and is left out', async () => {
  const got = await collect(model.generate(PROMPT, { maxTokens: 64, stop: ['girl'] }));
  expect(got).toMatchObject({ text: ', there was a little ', finishReason: 'stop' });
  expect(got.pieces.join('')).toBe(got.text);
});

test('messages are answered, and a seed repeats', async () => {
  const options = { maxTokens: 16, temperature: 1, seed: 7 };
  const ask = () => collect(model.chat([{ role: 'user', content: PROMPT }], options));
  const [first, second] = [await ask(), await ask()];
  expect(first.text).not.toBe('');
  expect(second.text).toBe(first.text);
});

test('what is too long, and what was aborted, is refused by code', async () => {
  const long = collect(model.generate('sea '.repeat(400)));
  await expect(long).rejects.toMatchObject({ code: 'E_PROMPT_TOO_LONG' });
  const aborted = collect(model.generate(PROMPT, { signal: AbortSignal.abort() }));
  await expect(aborted).rejects.toMatchObject({ code: 'E_ABORTED' });
});

test('tokens go there and back', () => {
  expect(model.detokenize(model.tokenize('The sea'))).toBe('The sea');
  expect(model).toMatchObject({ id: STORIES_ID, contextTokens: 256, hasChatTemplate: false });
});

test('over HTTP it is the same, and what is cut off goes on by ranges', async () => {
  const ranges: string[] = [];
  const server = createServer((request, response) => {
    void (async () => {
      const bytes = await readFile(join(folder, request.url!.slice('/models/one/'.length)));
      const { range } = request.headers;
      const start = Number(/bytes=(\d+)-/.exec(range ?? '')?.[1] ?? 0);
      if (range !== undefined) ranges.push(range);
      response.writeHead(range === undefined ? 200 : 206, {
        'content-length': bytes.length - start,
      });
      const isCut = range === undefined && bytes.length > 300_000;
      if (!isCut) return response.end(bytes.subarray(start));
      response.write(bytes.subarray(0, 100_000), () => response.destroy());
    })().catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  try {
    const { port } = server.address() as AddressInfo;
    expect(await textOf(fromUrl(`http://127.0.0.1:${port}/models/one`))).toBe(
      await textOf(fromFolder(folder)),
    );
    expect(ranges.length).toBeGreaterThan(0);
  } finally {
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A bucket with the keys that a push writes. */
async function bucketOf(
  change: (key: string, bytes: Uint8Array) => Uint8Array | null,
): Promise<BucketLike> {
  const text = await readFile(join(folder, 'manifest.json'), 'utf8');
  const files = modelFiles(parseManifest(JSON.parse(text)));
  const objects = new Map<string, Uint8Array>([
    [manifestKey(STORIES_ID), new TextEncoder().encode(text)],
  ]);
  for (const file of files)
    objects.set(modelKey(STORIES_ID, file), await readFile(join(folder, file.file)));
  return {
    get(key, options) {
      const bytes = objects.get(key);
      const changed = bytes === undefined ? null : change(key, bytes);
      if (changed === null) return Promise.resolve(null);
      const body = new Response(new Uint8Array(changed.subarray(options?.range.offset ?? 0))).body!;
      return Promise.resolve({ body });
    },
  };
}

test('from a bucket it is the same', async () => {
  const bucket = await bucketOf((_, bytes) => bytes);
  expect(await textOf(fromBucket(bucket, STORIES_ID))).toBe(await textOf(fromFolder(folder)));
});

test.each([
  ['missing', () => null, 'E_WEIGHTS_FETCH'],
  ['short', (bytes: Uint8Array) => bytes.subarray(0, -1), 'E_WEIGHTS_FETCH'],
  ['long', (bytes: Uint8Array) => new Uint8Array(bytes.length + 1), 'E_WEIGHTS_FETCH'],
  ['damaged', (bytes: Uint8Array) => bytes.slice().fill(1, 0, 64), 'E_WEIGHTS_HASH'],
])('a shard that is %s is refused', async (_, change, code) => {
  const bucket = await bucketOf((key, bytes) => (/shard/.test(key) ? change(bytes) : bytes));
  await expect(loadModel(fromBucket(bucket, STORIES_ID))).rejects.toMatchObject({ code });
});

test('a folder that is not there is refused', async () => {
  await expect(loadModel(fromFolder(join(folder, 'no')))).rejects.toMatchObject({
    code: 'E_WEIGHTS_FETCH',
  });
});
