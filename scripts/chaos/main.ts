/**
 * `npm run chaos`: kills the runtime of a server of its own while it is written to, and says what of the acknowledged
 * writes was lost, is there twice or in half; then the same for accounts under many requests. The last line is JSON.
 */
import process from 'node:process';
import { Command } from 'commander';
import { build } from '../build/build.ts';
import { chooseOwnModels } from '../dev/own-models.ts';
import { withOwnServer } from '../dev/own-server.ts';
import { parseCount } from '../lib/arguments.ts';
import { runMain } from '../lib/run-command.ts';
import { runBudgets } from './run-budgets.ts';
import { runChaos } from './run-chaos.ts';

interface Flags {
  readonly kills: number;
  readonly budgetKills: number;
  readonly requests: number;
  readonly seed: number;
  readonly quick?: boolean;
}

/** `--quick`. */
const QUICK = { kills: 5, budgetKills: 1, requests: 100 } as const;

async function chaos(flags: Flags): Promise<void> {
  const { kills, budgetKills, requests } = flags.quick === true ? QUICK : flags;
  const { seed } = flags;
  const onLine = (line: string): void => void process.stdout.write(`${line}\n`);
  await build();
  const { models, textModel, encoder } = await chooseOwnModels();
  const shared = { seed, textModel, onLine };
  const nIsolate = 1;
  const writes = await withOwnServer('chaos', { models, nIsolate }, (server) =>
    runChaos(server, { ...shared, kills, encoder }),
  );
  const budgets = await withOwnServer('chaos', { models, nIsolate }, (server) =>
    runBudgets(server, { ...shared, kills: budgetKills, requests }),
  );
  process.stdout.write(`${JSON.stringify({ writes, budgets })}\n`);
  if (writes.problems.length + budgets.problems.length > 0) process.exitCode = 1;
}

const program = new Command('chaos')
  .description('Kill a server of its own while it is written to, and look what is there after')
  .option('--kills <n>', 'kills while it is written to', parseCount(0), 500)
  .option('--budget-kills <n>', 'kills while accounts are used up', parseCount(0), 50)
  .option('--requests <n>', 'requests at the same time in each of these', parseCount(1), 1000)
  .option('--seed <n>', 'decides what is written and when it is killed', parseCount(0), 1)
  .option('--quick', 'a few kills only')
  .action(chaos);

await runMain(async () => {
  await program.parseAsync();
});
