/**
 * `npm run attack -- subjects`: one key seeks what another key keeps, on every route, by real, changed and random ids.
 * The last line is JSON; anything found is a failure.
 */
import process from 'node:process';
import { Command } from 'commander';
import { build } from '../../build/build.ts';
import { chooseOwnModels } from '../../dev/own-models.ts';
import { withOwnServer } from '../../dev/own-server.ts';
import { parseCount } from '../../lib/arguments.ts';
import { seekAll } from './run-subjects.ts';

interface Flags {
  readonly tries: number;
  readonly seed: number;
}

async function subjects({ tries, seed }: Flags): Promise<void> {
  await build();
  const { models } = await chooseOwnModels();
  const found = await withOwnServer('subjects', { models }, (server) =>
    seekAll(server, { nTry: tries, seed, onProgress: (line) => process.stdout.write(`${line}\n`) }),
  );
  process.stdout.write(`${JSON.stringify(found)}\n`);
  if (found.problems.length > 0) process.exitCode = 1;
}

export const subjectsCommand = new Command('subjects')
  .description('Seek with one key what another key keeps')
  .option('--tries <n>', 'requests with ids', parseCount(1), 100_000)
  .option('--seed <n>', 'what the tries are made from', parseCount(0), 1)
  .action(subjects);
