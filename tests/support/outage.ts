/** A model whose weights are away until a client has been told so once. */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ModelFile } from '../../engine/manifest/manifest.ts';
import { modelKey } from '../../worker/platform/model-keys.ts';
import { STORIES_ID, type SharedServer, type TestServer } from './http-server.ts';

export interface Outage {
  /** For a client: puts the weights back after its first 503, and notes each answer. */
  readonly fetch: typeof fetch;
  readonly statuses: number[];
  /** `Retry-After` of the 503. */
  retryAfter: string | null;
}

/** Takes the first shard away and unloads the engine. */
export async function takeWeightsAway(server: TestServer): Promise<Outage> {
  const folder = join(server.modelsRoot, STORIES_ID);
  const manifest = JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')) as {
    shards: [ModelFile, ...ModelFile[]];
  };
  const [shard] = manifest.shards;
  const bytes = await readFile(join(folder, shard.file));
  const key = modelKey(STORIES_ID, shard);
  await server.bucket.delete(key);
  await server.restart();
  const outage: Outage = {
    statuses: [],
    retryAfter: null,
    fetch: async (...call: Parameters<typeof fetch>) => {
      const response = await fetch(...call);
      outage.statuses.push(response.status);
      if (response.status !== 503) return response;
      outage.retryAfter = response.headers.get('retry-after');
      const sha256 = createHash('sha256').update(bytes).digest('hex');
      await server.bucket.put(key, bytes, sha256);
      // The same answer, but the test does not wait the seconds it names.
      const headers = new Headers(response.headers);
      headers.set('retry-after-ms', '1');
      headers.delete('retry-after');
      return new Response(response.body, { status: response.status, headers });
    },
  };
  return outage;
}

/** What a promise is rejected with. */
export async function rejection(promise: PromiseLike<unknown>): Promise<unknown> {
  return await promise.then(
    () => {
      throw new Error('expected a failure');
    },
    (error: unknown) => error,
  );
}

/** Generations that the server has under way. */
export async function countRunning(server: SharedServer): Promise<number> {
  const ready = await fetch(`${server.url}/readyz`);
  return (await ready.json<{ running: number }>()).running;
}
