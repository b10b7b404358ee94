/**
 * Servers that test files share. A file has one to itself for as long as it runs, then the next file gets it, with what
 * was stored there. They live in vitest's main process, which outlives the files, and end with it.
 */
import { createServer } from 'node:http';
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { json } from 'node:stream/consumers';
import { startServer } from '../../../scripts/dev/server.ts';
import type { RunningServer } from '../../../scripts/dev/server.ts';
import { STORIES_ID } from './imports.ts';
import { copyStorage } from './storage.ts';

/** What a test file is told of the server it has. */
export interface Lease {
  readonly key: string;
  readonly url: string;
  readonly stateRoot: string;
}

export interface ServerPool {
  /** Where test files ask: POST /lease with a list of model ids, POST /release with a lease. */
  readonly url: string;
  close(): Promise<void>;
}

/** Variables of every test server. */
export const TEST_VARS = { DEFAULT_MODEL: STORIES_ID, ALLOWED_ORIGINS: '*' };

export async function openServerPool(runFolder: string): Promise<ServerPool> {
  const servers: Promise<RunningServer>[] = [];
  const free = new Map<string, Lease[]>();

  async function lease(ids: readonly string[]): Promise<Lease> {
    const key = JSON.stringify(ids);
    const kept = free.get(key)?.pop();
    if (kept !== undefined) return kept;
    const stateRoot = join(runFolder, 'shared', String(servers.length));
    const started = copyStorage(runFolder, ids, stateRoot).then(() =>
      startServer({ port: 0, host: '127.0.0.1', vars: TEST_VARS, persist: stateRoot }),
    );
    servers.push(started);
    return { key, url: (await started).url, stateRoot };
  }

  async function answer(request: IncomingMessage): Promise<unknown> {
    const body = await json(request);
    if (request.url === '/lease') return await lease(body as string[]);
    const released = body as Lease;
    free.set(released.key, [...(free.get(released.key) ?? []), released]);
    return null;
  }

  const door = createServer((request, response) => {
    answer(request).then(
      (value) => send(response, 200, value),
      (error: unknown) => send(response, 500, String(error)),
    );
  });
  await new Promise<void>((resolve) => door.listen(0, '127.0.0.1', resolve));
  return {
    url: `http://127.0.0.1:${(door.address() as AddressInfo).port}`,
    async close() {
      door.close();
      door.closeAllConnections();
      await Promise.allSettled(servers.map(async (server) => await (await server).close()));
    },
  };
}

function send(response: ServerResponse, status: number, value: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}
