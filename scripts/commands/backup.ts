/** `thimble backup`: what a server keeps, as a file. */
import type { Command } from 'commander';
import { writeBackup } from '../backup/backup.ts';
import { printCounts, URL_OPTION, withBackupServer } from './options/backup-options.ts';
import type { BackupFlags } from './options/backup-options.ts';

const EXAMPLES = `
Examples:
  thimble backup --out thimble.backup                                       (local, while nothing serves it)
  thimble backup --out thimble.backup --url http://localhost:8787
  THIMBLE_API_KEY=thk_... thimble backup --out thimble.backup --url https://thimble-gateway.example.workers.dev

Models are not in it: push them again. The file holds what callers have stored, and hashes of keys: keep it safe.
`;

export function register(program: Command): void {
  program
    .command('backup')
    .summary('copy what a server keeps into a file')
    .description('Copies sessions, responses, files, batches, collections, accounts and keys.')
    .requiredOption('--out <file>', 'the file to write; it must not exist')
    .option(...URL_OPTION)
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async ({ out, url, json }: BackupFlags & { readonly out: string }) => {
      await withBackupServer(url, async (server) => {
        printCounts(await writeBackup(server, out), json);
      });
    });
}
