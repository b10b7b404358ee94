/** `thimble restore`: what a backup holds, to a server. */
import type { Command } from 'commander';
import { restoreBackup } from '../backup/backup.ts';
import { printCounts, URL_OPTION, withBackupServer } from './options/backup-options.ts';
import type { BackupFlags } from './options/backup-options.ts';

const EXAMPLES = `
Examples:
  thimble restore thimble.backup
  THIMBLE_API_KEY=thk_... thimble restore thimble.backup --url https://thimble-gateway.example.workers.dev

The whole file is checked first; a damaged one is refused before anything is written. What is there under the same
name is replaced, everything else stays. Doing it again changes nothing.
`;

export function register(program: Command): void {
  program
    .command('restore')
    .summary('write what a backup holds to a server')
    .description('Checks a file of thimble backup and writes what it holds.')
    .argument('<file>', 'a file of thimble backup')
    .option(...URL_OPTION)
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (file: string, { url, json }: BackupFlags) => {
      await withBackupServer(url, async (server) => {
        printCounts(await restoreBackup(server, file), json);
      });
    });
}
