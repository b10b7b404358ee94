/**
 * `npm run soak`: 64 clients of 8 keys ask a server of its own for some minutes, one key as much as it can. Says who
 * was served, and what the runtime's memory does. The last line is JSON.
 */
import process from 'node:process';
import { Command } from 'commander';
import { build } from '../build/build.ts';
import { chooseOwnModels } from '../dev/own-models.ts';
import { withOwnServer } from '../dev/own-server.ts';
import { parseCount, parseNumber } from '../lib/arguments.ts';
import { runMain } from '../lib/run-command.ts';
import { runSoak } from './run-soak.ts';

interface Flags {
  readonly minutes: number;
  readonly seed: number;
  readonly quick?: boolean;
}

const QUICK_SECONDS = 20;
const MAX_LOG_CHARS = 500;
const MAX_MINUTES = 24 * 60;
/** No key may get less of its share. */
const MIN_SHARE = 0.5;

async function soak({ minutes, seed, quick }: Flags): Promise<void> {
  const seconds = quick === true ? QUICK_SECONDS : minutes * 60;
  await build();
  const { models, textModel, encoder } = await chooseOwnModels();
  const onLine = (line: string): void => void process.stdout.write(`${line}\n`);
  const onLog = (line: string): void =>
    void process.stderr.write(`${line.slice(0, MAX_LOG_CHARS)}\n`);
  const result = await withOwnServer('soak', { models, onLog }, (server) =>
    runSoak(server, { seconds, seed, textModel, encoder, onLine }),
  );
  process.stdout.write(`${JSON.stringify(result)}\n`);
  if (result.nWrong > 0 || result.smallestShare < MIN_SHARE) process.exitCode = 1;
}

const program = new Command('soak')
  .description('Ask a server of its own by many clients at the same time, one key greedy')
  .option('--minutes <n>', 'how long', parseNumber(0, MAX_MINUTES), 5)
  .option('--seed <n>', 'decides what is asked', parseCount(0), 1)
  .option('--quick', `${QUICK_SECONDS} s only`)
  .action(soak);

await runMain(async () => {
  await program.parseAsync();
});
