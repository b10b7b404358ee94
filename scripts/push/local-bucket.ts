/**
 * The development server's R2 bucket on this disk, through a small Worker in miniflare that runs
 * for the push only. (Bytes through a Worker's request body: 0.35 s for 16 MiB; through miniflare's
 * own binding proxy: 1 s.)
 */
import { EngineError } from '../../engine/base/errors.ts';
import { asDiskError } from '../lib/disk.ts';
import { hashBytes } from '../lib/hash-file.ts';
import { onInterrupt } from '../lib/interrupt.ts';
import { createMiniflare } from '../lib/miniflare.ts';
import { stateDir } from '../lib/paths.ts';
import type { Bucket, ObjectInfo } from './bucket.ts';

/** Runs in workerd. One object a request, its key as the path; `?list` names the models, `?keys` what begins with the path. */
const DOOR_SCRIPT = `
export default {
  async fetch(request, { BUCKET }) {
    const url = new URL(request.url);
    const key = decodeURIComponent(url.pathname.slice(1));
    if (url.search === '?list') return Response.json(await listModelIds(BUCKET));
    if (url.search === '?keys') return Response.json(await listKeys(BUCKET, key));
    if (request.method === 'HEAD') {
      const found = await BUCKET.head(key);
      if (found === null) return new Response(null, { status: 404 });
      const sha256 = found.customMetadata?.sha256 ?? '';
      return new Response(null, { headers: { 'x-bytes': String(found.size), 'x-sha256': sha256 } });
    }
    if (request.method === 'GET') {
      const found = await BUCKET.get(key);
      return found === null ? new Response(null, { status: 404 }) : new Response(found.body);
    }
    if (request.method === 'PUT') {
      const sha256 = request.headers.get('x-sha256');
      const options = { sha256, customMetadata: { sha256 } };
      const expected = request.headers.get('x-expected');
      if (expected === null) await BUCKET.put(key, request.body, options);
      else if (!(await putIfSame(BUCKET, key, await request.bytes(), options, expected)))
        return new Response(null, { status: 409 });
    }
    if (request.method === 'DELETE') await BUCKET.delete(key);
    return new Response(null, { status: 204 });
  },
};
async function putIfSame(bucket, key, bytes, options, expected) {
  const there = await bucket.head(key);
  if ((there?.customMetadata?.sha256 ?? '') !== expected) return false;
  const onlyIf = there === null ? { etagDoesNotMatch: '*' } : { etagMatches: there.etag };
  return (await bucket.put(key, bytes, { ...options, onlyIf })) !== null;
}
async function listKeys(bucket, prefix) {
  const keys = [];
  for (let cursor, more = true; more; ) {
    const page = await bucket.list({ prefix, cursor });
    for (const { key } of page.objects) keys.push(key);
    more = page.truncated;
    cursor = page.cursor;
  }
  return keys;
}
async function listModelIds(bucket) {
  const ids = [];
  for (let cursor, more = true; more; ) {
    const page = await bucket.list({ prefix: 'models/', delimiter: '/', cursor });
    for (const prefix of page.delimitedPrefixes) {
      if ((await bucket.head(prefix + 'manifest.json')) !== null) ids.push(prefix.slice(7, -1));
    }
    more = page.truncated;
    cursor = page.cursor;
  }
  return ids.sort();
}`;

/** Times a request is sent again that the storage did not carry out, and the pause before the first of them. */
const LOCKED_TRIES = 6;
const LOCKED_PAUSE_MS = 30;

function textOf(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}

/** Opens the bucket without serving anything; works while a server is running. */
export async function openLocalBucket(
  bucketName: string,
  persistDir: string = stateDir(),
): Promise<Bucket> {
  const miniflare = await createMiniflare({
    name: 'push',
    modules: true,
    script: DOOR_SCRIPT,
    compatibilityDate: '2026-01-01',
    r2Buckets: { BUCKET: bucketName },
    resourcePersistencePath: persistDir,
  });
  const forget = onInterrupt(() => miniflare.dispose());
  const close = async () => {
    forget();
    await miniflare.dispose();
  };
  try {
    return doorBucket(await miniflare.ready, persistDir, close);
  } catch (cause) {
    await close().catch(() => undefined);
    throw new EngineError(
      'E_BACKEND_UNAVAILABLE',
      `push: the local R2 at ${persistDir} could not be opened (${String(cause)}). Run: thimble doctor`,
      { cause },
    );
  }
}

function doorBucket(
  base: { readonly href: string },
  where: string,
  close: Bucket['close'],
): Bucket {
  const askOnce = async (
    method: string,
    key: string,
    body: Uint8Array | null = null,
    sha256 = '',
    headers: Readonly<Record<string, string>> = {},
  ): Promise<Response> => {
    return await fetch(new URL(key, base.href), {
      method,
      headers: { 'x-sha256': sha256, ...headers },
      body: body as BodyInit | null,
    });
  };
  const askOrFail = (...request: Parameters<typeof askOnce>): Promise<Response | Error> =>
    askOnce(...request).catch((error: unknown) => error as Error);
  const ask = async (...request: Parameters<typeof askOnce>): Promise<Response> => {
    let response = await askOrFail(...request);
    // A server that writes into the same bucket locks its database for a moment; a connection that was idle may
    // have been closed.
    for (
      let i = 0;
      (response instanceof Error || response.status >= 500) && i < LOCKED_TRIES;
      i++
    ) {
      if (!(response instanceof Error)) await response.body?.cancel();
      await new Promise((resolve) => setTimeout(resolve, LOCKED_PAUSE_MS * (i + 1)));
      response = await askOrFail(...request);
    }
    if (response instanceof Error) throw response;
    if (response.status < 500) return response;
    const [, key] = request;
    const text = await response.text();
    // The system's error arrives as text only.
    const full = /ENOSPC|no space left|SQLITE_FULL|disk is full/i.test(text);
    const error = Object.assign(new Error(text.slice(0, 300)), full ? { code: 'ENOSPC' } : {});
    throw asDiskError(error, where, `push ${key}`);
  };
  return {
    label: 'local R2',
    async head(key): Promise<ObjectInfo | null> {
      const { status, headers } = await ask('HEAD', key);
      if (status === 404) return null;
      const sha256 = headers.get('x-sha256');
      return { bytes: Number(headers.get('x-bytes')), sha256: sha256 === '' ? null : sha256 };
    },
    async getText(key) {
      const response = await ask('GET', key);
      return response.status === 404 ? null : await response.text();
    },
    async getBytes(key) {
      const response = await ask('GET', key);
      return response.status === 404 ? null : new Uint8Array(await response.arrayBuffer());
    },
    async put(key, bytes, sha256) {
      await ask('PUT', key, bytes, sha256);
    },
    async putIfSame(key, bytes, sha256, expected) {
      const before = expected === null ? '' : hashBytes(new TextEncoder().encode(expected));
      const { status } = await ask('PUT', key, bytes, sha256, { 'x-expected': before });
      // An earlier try may have been carried out, although it was answered with a failure.
      return status !== 409 || (await (await ask('GET', key)).text()) === textOf(bytes);
    },
    async delete(key) {
      await ask('DELETE', key);
    },
    async listModelIds() {
      return await (await ask('GET', '?list')).json<string[]>();
    },
    async listKeys(prefix) {
      return await (await ask('GET', `${prefix}?keys`)).json<string[]>();
    },
    close,
  };
}
