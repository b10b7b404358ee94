/** Files of a model from an address or a bucket. The engine checks every shard's hash; here lengths are. */
import { EngineError } from '../../engine/base/errors.ts';
import { manifestKey, modelKey } from '../../worker/platform/model-keys.ts';
import type { BucketLike, ModelFiles } from './types.ts';

/** Times a file is asked for, from where the last answer ended. */
const TRIES = 4;

/** Opens a file from `offset` on; null when it is missing. */
type Open = (offset: number) => Promise<ReadableStream<Uint8Array> | null>;

/**
 * A folder of `thimble import` that a web server serves, such as `https://example.org/models/my-model/`. An answer
 * that is cut off is continued by a range request.
 * @param init headers and others for each request
 */
export function fromUrl(base: string | URL, init: RequestInit = {}): ModelFiles {
  const home = new URL(base);
  if (!home.pathname.endsWith('/')) home.pathname += '/';
  const opener =
    (file: string): Open =>
    async (offset) => {
      const headers = new Headers(init.headers);
      if (offset > 0) headers.set('range', `bytes=${offset}-`);
      const response = await fetch(new URL(file, home), { ...init, headers });
      if (response.status === 404) return null;
      const expected = offset > 0 ? 206 : 200;
      if (response.status !== expected) {
        await response.body?.cancel();
        throw new Error(`expected status ${expected}, got ${response.status}`);
      }
      return response.body;
    };
  return {
    readText: (file) => readText(named(home, file?.file), opener(file?.file ?? 'manifest.json')),
    readInto: ({ file }, into) => readInto(named(home, file), opener(file), into),
  };
}

/** A model that `thimble push` or `deploy` put into an R2 bucket, or one like it. */
export function fromBucket(bucket: BucketLike, modelId: string): ModelFiles {
  const opener =
    (key: string): Open =>
    async (offset) => {
      const object = await bucket.get(key, ...(offset > 0 ? [{ range: { offset } }] : []));
      return object?.body ?? null;
    };
  return {
    readText(file) {
      const key = file === null ? manifestKey(modelId) : modelKey(modelId, file);
      return readText(key, opener(key));
    },
    readInto(file, into) {
      const key = modelKey(modelId, file);
      return readInto(key, opener(key), into);
    },
  };
}

function named(home: URL, file = 'manifest.json'): string {
  return new URL(file, home).href;
}

async function readText(name: string, open: Open): Promise<string> {
  const failures: unknown[] = [];
  while (failures.length < TRIES) {
    try {
      const body = await open(0);
      if (body === null) throw unreadable(name, 'is missing');
      return await new Response(body).text();
    } catch (error) {
      if (error instanceof EngineError) throw error;
      failures.push(error);
    }
  }
  throw unreadable(name, `cannot be read (${String(failures.at(-1))})`, failures.at(-1));
}

async function readInto(name: string, open: Open, into: Uint8Array): Promise<void> {
  let at = 0;
  let failure: Error | null = null;
  for (let i = 0; i < TRIES && (i === 0 || at < into.byteLength); i++) {
    try {
      const body = await open(at);
      if (body === null) throw unreadable(name, 'is missing');
      for await (const part of chunksOf(body)) {
        if (at + part.byteLength > into.byteLength)
          throw unreadable(name, `is too long; expected ${into.byteLength} bytes`);
        into.set(part, at);
        at += part.byteLength;
      }
    } catch (error) {
      if (error instanceof EngineError) throw error;
      failure = error instanceof Error ? error : new Error(String(error));
    }
  }
  if (at === into.byteLength) return;
  const why = failure === null ? '' : ` (${failure.message})`;
  throw unreadable(name, `ends early; expected ${into.byteLength} bytes, got ${at}${why}`, failure);
}

/** Not every browser can iterate over a stream. */
async function* chunksOf(body: ReadableStream<Uint8Array>): AsyncGenerator<Uint8Array> {
  const reader = body.getReader();
  try {
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      yield value;
    }
  } finally {
    await reader.cancel().catch(() => undefined);
  }
}

function unreadable(name: string, what: string, cause?: unknown): EngineError {
  return new EngineError('E_WEIGHTS_FETCH', `model: ${name}: ${what}.`, { cause });
}
