/** `thimble ps`: servers that run on this machine. */
import process from 'node:process';
import type { Command } from 'commander';
import { runningServers } from '../dev/running.ts';
import type { RunningServerRow } from '../dev/running.ts';
import { colour } from '../lib/colours.ts';
import { formatBytes } from '../lib/progress.ts';
import { textTable } from '../lib/table.ts';
import { describeAge } from './ls.ts';

const EXAMPLES = `
Examples:
  thimble ps
  thimble ps --json

A server ends by Ctrl-C in its terminal, or by kill PID.
`;

export function register(program: Command): void {
  program
    .command('ps')
    .summary('list the servers that run on this machine')
    .description(
      'Lists running servers (thimble serve, thimble dev, npm start): process, address, models, memory, since when.',
    )
    .option('--json', 'print one JSON object')
    .addHelpText('after', EXAMPLES)
    .action(async (flags: { readonly json?: boolean }) => {
      const servers = await runningServers();
      process.stdout.write(
        flags.json === true ? `${JSON.stringify({ servers })}\n` : describe(servers),
      );
    });
}

function describe(servers: readonly RunningServerRow[]): string {
  if (servers.length === 0) {
    process.stderr.write('no server is running. Start one: `thimble serve`\n');
    return '';
  }
  const rows = servers.map(({ pid, url, models, bytes, since }) => [
    ...[String(pid), url, bytes === null ? '-' : formatBytes(bytes)],
    ...[describeAge(since), models.join(', ')],
  ]);
  const [head = '', ...lines] = textTable(
    [['PID', 'URL', 'MEMORY', 'STARTED', 'MODELS'], ...rows],
    new Set([0, 2]),
  );
  return `${[colour('bold', head), ...lines].join('\n')}\n`;
}
