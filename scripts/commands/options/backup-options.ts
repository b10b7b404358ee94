/** What `thimble backup` and `thimble restore` share. */
import process from 'node:process';
import type { BackupCounts } from '../../backup/backup.ts';
import { BackupServer } from '../../backup/server-client.ts';
import { build } from '../../build/build.ts';
import { startServer } from '../../dev/server.ts';
import { serverAddress } from '../../lib/ask-server.ts';

export interface BackupFlags {
  readonly url?: string;
  readonly json?: boolean;
}

export const URL_OPTION = [
  '--url <url>',
  'a running server; a deployed one needs THIMBLE_API_KEY with the scope admin',
] as const;
const HOST = '127.0.0.1';

/** Without an address, a server of this command's own on the local R2 and Durable Objects. */
export async function withBackupServer(
  url: string | undefined,
  work: (server: BackupServer) => Promise<void>,
): Promise<void> {
  if (url !== undefined)
    return await work(new BackupServer(serverAddress(url, '/', 'backup').origin));
  await build();
  const server = await startServer({ port: 0, host: HOST, nIsolate: 1 });
  try {
    await work(new BackupServer(server.url));
  } finally {
    await server.close();
  }
}

export function printCounts(counts: BackupCounts, json = false): void {
  const kinds = Object.entries(counts.byKind).map(([kind, n]) => `${n} ${kind}`);
  const text = `${counts.items} items${kinds.length === 0 ? '' : `: ${kinds.join(', ')}`}`;
  process.stdout.write(`${json ? JSON.stringify(counts) : text}\n`);
}
