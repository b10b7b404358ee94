/**
 * A server of a script's own that asks for keys: on a temporary R2 of its own, on a port that it keeps, in a process
 * that can be looked at and killed. Miniflare starts a runtime that has died again, as a host would.
 */
import { execFile } from 'node:child_process';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import process from 'node:process';
import { promisify } from 'node:util';
import { openLocalBucket } from '../push/local-bucket.ts';
import type { Bucket } from '../push/bucket.ts';
import { pushModel } from '../push/push.ts';
import { withTemporaryFolder } from '../lib/temporary-folder.ts';
import { modelsBucketName } from './prepare.ts';
import { startServer, waitUntilReady } from './server.ts';

const HOST = '127.0.0.1';
const READY_TIMEOUT_MS = 120_000;
const POLL_MS = 10;
const RSS_UNIT_BYTES = 1024;

/** An imported model: its folder lies in `modelsRoot`. */
export interface OwnModel {
  readonly id: string;
  readonly modelsRoot: string;
}

export interface OwnServerOptions {
  readonly models: readonly OwnModel[];
  readonly vars?: Readonly<Record<string, string>>;
  readonly nIsolate?: number;
  readonly onLog?: (line: string) => void;
}

export interface RuntimeProcess {
  readonly id: number;
  readonly residentBytes: number;
}

export class OwnServer {
  readonly url: string;
  /** Folder of R2 and Durable Objects. */
  readonly persist: string;
  #loopback: string | null = null;

  constructor(port: number, persist: string) {
    this.url = `http://${HOST}:${port}`;
    this.persist = persist;
  }

  /** To be called while the server's runtime is the only one that this process has started. */
  async noteRuntime(): Promise<void> {
    this.#loopback = (await runtimes())[0]?.loopback ?? null;
  }

  /** The runtime's process; null while there is none. */
  async runtime(): Promise<RuntimeProcess | null> {
    const found = (await runtimes()).find(({ loopback }) => loopback === this.#loopback);
    return found ?? null;
  }

  /** Kills the runtime as a power cut would: it gets to do nothing. @returns whether there was one */
  async kill(): Promise<boolean> {
    const found = await this.runtime();
    if (found === null) return false;
    process.kill(found.id, 'SIGKILL');
    return true;
  }

  /** Kills the runtimes that serve nothing, such as the bucket's. */
  async killOthers(): Promise<void> {
    for (const { id, loopback } of await runtimes())
      if (loopback !== this.#loopback) process.kill(id, 'SIGKILL');
  }

  /** Waits until a runtime answers. @throws {EngineError} E_BACKEND_UNAVAILABLE */
  async waitUntilUp(): Promise<void> {
    const endMs = performance.now() + READY_TIMEOUT_MS;
    while (performance.now() < endMs) {
      const isUp = await fetch(`${this.url}/healthz`).then(
        ({ ok }) => ok,
        () => false,
      );
      if (isUp) return;
      await new Promise((resolve) => setTimeout(resolve, POLL_MS));
    }
    await waitUntilReady(this.url, 1);
  }

  /** The bucket, beside the server. It is to be closed. */
  openBucket(): Promise<Bucket> {
    return openLocalBucket(modelsBucketName(), this.persist);
  }
}

/** Runs `work` with a server, and closes it after. */
export async function withOwnServer<T>(
  purpose: string,
  { models, vars = {}, ...options }: OwnServerOptions,
  work: (server: OwnServer) => Promise<T>,
): Promise<T> {
  return await withTemporaryFolder(purpose, async (persist) => {
    const port = await freePort();
    const server = new OwnServer(port, persist);
    const bucket = await server.openBucket();
    try {
      for (const { id, modelsRoot } of models) await pushModel(id, { bucket, modelsRoot });
    } finally {
      await bucket.close();
    }
    const first = models[0]?.id ?? '';
    const running = await startServer({
      ...{ port, host: HOST, persist, ...options },
      vars: { ACCESS: 'keys', DEFAULT_MODEL: first, ...vars },
    });
    try {
      await waitUntilReady(server.url, READY_TIMEOUT_MS);
      await server.noteRuntime();
      return await work(server);
    } finally {
      await running.close();
    }
  });
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(0, HOST, () => {
      const { port } = server.address() as AddressInfo;
      server.close(() => resolve(port));
    });
  });
}

/** Runtimes that this process has started. What miniflare tells one of itself is the same after a restart. */
async function runtimes(): Promise<(RuntimeProcess & { readonly loopback: string })[]> {
  const columns = 'pid=,ppid=,rss=,args=';
  const { stdout } = await promisify(execFile)('ps', ['-A', '-ww', '-o', columns], {
    maxBuffer: 64 * 1024 * 1024,
  });
  return stdout.split('\n').flatMap((line) => {
    const [, id, parent, rss, args = ''] = /^\s*(\d+)\s+(\d+)\s+(\d+)\s+(.*)$/.exec(line) ?? [];
    const [loopback] = /--external-addr=loopback=\S+/.exec(args) ?? [];
    if (Number(parent) !== process.pid || loopback === undefined) return [];
    return [{ id: Number(id), residentBytes: Number(rss) * RSS_UNIT_BYTES, loopback }];
  });
}
