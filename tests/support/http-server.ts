/** The gateway and the stage as they deploy, in workerd: a server that files share, or one of a file's own. */
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { inject } from 'vitest';
import { Trainer } from '../../scripts/finetune/jobs/trainer.ts';
import { startServer } from '../../scripts/dev/server.ts';
import type { Bucket } from '../../scripts/push/bucket.ts';
import { pushModel } from '../../scripts/push/push.ts';
import { linkModels } from './models.ts';
import { STORIES_ID } from './run/imports.ts';
import { TEST_VARS } from './run/pool.ts';
import type { Lease } from './run/pool.ts';
import { copyStorage, lazyBucket } from './run/storage.ts';

export { STORIES_ID };

/** What a server answers with. */
export interface SharedServer {
  readonly url: string;
  post(path: string, body: unknown, init?: RequestInit): Promise<Response>;
  close(): Promise<void>;
}

export interface TestServer extends SharedServer {
  /** The bucket the Workers read. */
  readonly bucket: Bucket;
  /** The folder of imported models. */
  readonly modelsRoot: string;
  /** The folder of local R2 and Durable Objects. */
  readonly stateRoot: string;
  /** Stops the Workers and starts them again on the same storage; `meanwhile` may change it. */
  restart(meanwhile?: () => Promise<void>): Promise<void>;
}

export interface TestServerOptions {
  readonly vars?: Readonly<Record<string, string>>;
  /** Told what the Workers log, all of it. */
  readonly onLog?: (line: string) => void;
  /** Models to serve beside stories260K: of the catalogue, whose files are in the cache, or the tiny encoder. */
  readonly models?: readonly string[];
  /** Models that were imported by the test, to serve beside it. */
  readonly imported?: { readonly modelsRoot: string; readonly ids: readonly string[] };
  /** JavaScript in the place of a script's bundle. */
  readonly sources?: Readonly<Record<string, string>>;
  /** Trains fine-tuning jobs, as `thimble serve` does. */
  readonly trains?: boolean;
  /** Changes the bucket before the Workers start. */
  readonly prepare?: (bucket: Bucket) => Promise<void>;
}

/**
 * A server of stories260K and `models`, shared with the files before and after: what they stored is there. No other
 * file asks it at the same time. `close` hands it on.
 */
export async function shareTestServer(models: readonly string[] = []): Promise<SharedServer> {
  const lease = await askPool<Lease>('lease', [STORIES_ID, ...models]);
  const { url } = lease;
  return { url, post: poster(() => url), close: () => askPool('release', lease) };
}

async function askPool<T>(path: string, body: unknown): Promise<T> {
  const response = await poster(() => inject('serverPool'))(`/${path}`, body);
  const answer = (await response.json()) as T;
  if (response.status !== 200) throw new Error(`server pool: ${String(answer)}`);
  return answer;
}

/** A server of stories260K and `models` that nobody else has, on storage of its own. */
export async function startTestServer(options: TestServerOptions = {}): Promise<TestServer> {
  const root = await mkdtemp(join(tmpdir(), 'thimble-http-'));
  const [modelsRoot, stateRoot] = [join(root, 'models'), join(root, 'state')];
  const ids = [STORIES_ID, ...(options.models ?? [])];
  await copyStorage(inject('runFolder'), ids, stateRoot);
  await linkModels(modelsRoot, ids);
  const bucket = lazyBucket(stateRoot);
  for (const id of options.imported?.ids ?? [])
    await pushModel(id, { bucket, modelsRoot: options.imported!.modelsRoot });
  await options.prepare?.(bucket);
  const vars = { ...TEST_VARS, ...options.vars };
  const { onLog, sources = {} } = options;
  const logging = onLog === undefined ? {} : { onLog, verbose: true };
  const home = options.trains === true ? await homeOf(root, modelsRoot, options.imported) : null;
  const start = async () => {
    const trainer = home === null ? null : await startTrainer(home, stateRoot, bucket);
    const server = await startServer({
      ...{ port: 0, host: '127.0.0.1', vars, persist: stateRoot, sources, ...logging },
      ...(trainer === null ? {} : { trainer }),
    });
    const close = async () => {
      await trainer?.close();
      await server.close();
    };
    return { url: server.url, close };
  };
  let server = await start();
  return {
    get url() {
      return server.url;
    },
    bucket,
    modelsRoot,
    stateRoot,
    post: poster(() => server.url),
    async restart(meanwhile) {
      await server.close();
      await meanwhile?.();
      server = await start();
    },
    async close() {
      await server.close();
      await bucket.close();
      await rm(root, { recursive: true, force: true });
    },
  };
}

/** A THIMBLE_HOME with the models of a server, for processes that it starts. */
async function homeOf(
  root: string,
  modelsRoot: string,
  imported: TestServerOptions['imported'],
): Promise<string> {
  for (const id of imported?.ids ?? [])
    await symlink(join(imported!.modelsRoot, id), join(modelsRoot, id));
  const home = join(root, 'home');
  await mkdir(join(home, 'data'), { recursive: true });
  await symlink(modelsRoot, join(home, 'data', 'models'));
  return home;
}

function startTrainer(home: string, persist: string, bucket: Bucket): Promise<Trainer> {
  const env = { ...process.env, THIMBLE_HOME: home };
  return Trainer.start({ persist, env, withBucket: (work) => work(bucket) });
}

function poster(url: () => string): SharedServer['post'] {
  return (path, body, init = {}) =>
    fetch(`${url()}${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: typeof body === 'string' ? body : JSON.stringify(body),
      ...init,
    });
}

/** The data of each server-sent event, as it comes. */
export async function* sseData(response: Response): AsyncGenerator<string, void, void> {
  const decoder = new TextDecoder();
  let rest = '';
  for await (const chunk of response.body ?? []) {
    const parts = (rest + decoder.decode(chunk as Uint8Array, { stream: true })).split('\n\n');
    rest = parts.pop() ?? '';
    // A comment tells a client that waits that the server is there.
    for (const part of parts)
      if (!part.startsWith(':')) yield part.replace(/^(event: .*\n)?data: /, '');
  }
}
