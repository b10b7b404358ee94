/** The gateway and the stage as they deploy, in workerd, on a folder of their own. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { build } from '../../scripts/build/build.ts';
import { loadWorkerConfigs } from '../../scripts/build/workers.ts';
import { startServer } from '../../scripts/dev/server.ts';
import { catalogueRequest, importInput } from '../../scripts/import/importers.ts';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { findCatalogueEntry } from '../../scripts/pull/catalogue.ts';
import { pullModel } from '../../scripts/pull/pull.ts';
import type { Bucket } from '../../scripts/push/bucket.ts';
import { openLocalBucket } from '../../scripts/push/local-bucket.ts';
import { importCached } from './onnx-models.ts';
import { pushModel } from '../../scripts/push/push.ts';

export const STORIES_ID = 'stories260k';

export interface TestServer {
  readonly url: string;
  /** The bucket the Workers read. */
  readonly bucket: Bucket;
  /** The folder of imported models. */
  readonly modelsRoot: string;
  /** The folder of local R2 and Durable Objects. */
  readonly stateRoot: string;
  post(path: string, body: unknown, init?: RequestInit): Promise<Response>;
  /** Stops the Workers and starts them again on the same storage. */
  restart(): Promise<void>;
  close(): Promise<void>;
}

export interface TestServerOptions {
  readonly vars?: Readonly<Record<string, string>>;
  /** Told what the Workers log, all of it. */
  readonly onLog?: (line: string) => void;
  /** ONNX models of the catalogue to serve, too; their files have to be in the cache. */
  readonly onnx?: readonly string[];
  /** Other models of the catalogue to serve, too; their files have to be in the cache. */
  readonly models?: readonly string[];
  /** Models that were imported here, to serve beside it. */
  readonly imported?: { readonly modelsRoot: string; readonly ids: readonly string[] };
  /** JavaScript in the place of a script's bundle. */
  readonly sources?: Readonly<Record<string, string>>;
  /** Changes the bucket before the Workers start. */
  readonly prepare?: (bucket: Bucket) => Promise<void>;
}

/** Serves stories260K. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  await build();
  const root = await mkdtemp(join(tmpdir(), 'thimble-http-'));
  const modelsRoot = join(root, 'models');
  const persist = join(root, 'state');
  await importInput({
    input: join(repoRoot, 'assets/stories260k/stories260K.bin'),
    id: STORIES_ID,
    outRoot: modelsRoot,
  });
  const bucketName = loadWorkerConfigs()[0]?.bucketNames[0] ?? '';
  const bucket = await openLocalBucket(bucketName, persist);
  await pushModel(STORIES_ID, { bucket, modelsRoot });
  for (const id of options.onnx ?? []) {
    await importCached(id, modelsRoot);
    await pushModel(id, { bucket, modelsRoot });
  }
  for (const id of options.models ?? []) {
    const { path: input } = await pullModel(id);
    const request = catalogueRequest(findCatalogueEntry(id));
    await importInput({ ...request, input, id, outRoot: modelsRoot });
    await pushModel(id, { bucket, modelsRoot });
  }
  for (const id of options.imported?.ids ?? [])
    await pushModel(id, { bucket, modelsRoot: options.imported!.modelsRoot });
  await options.prepare?.(bucket);
  const vars = { DEFAULT_MODEL: STORIES_ID, ...options.vars };
  const { onLog, sources = {} } = options;
  const logging = onLog === undefined ? {} : { onLog, verbose: true };
  const start = () =>
    startServer({ port: 0, host: '127.0.0.1', vars, persist, sources, ...logging });
  let server = await start();
  return {
    get url() {
      return server.url;
    },
    bucket,
    modelsRoot,
    stateRoot: persist,
    post: (path, body, init = {}) =>
      fetch(`${server.url}${path}`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: typeof body === 'string' ? body : JSON.stringify(body),
        ...init,
      }),
    async restart() {
      await server.close();
      server = await start();
    },
    async close() {
      await server.close();
      await bucket.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** The data of each server-sent event, as it comes. */
export async function* sseData(response: Response): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of response.body ?? []) {
    const parts = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n\n');
    rest = parts.pop() ?? '';
    for (const part of parts) yield part.replace(/^(event: .*\n)?data: /, '');
  }
}
