/** The `thimble` program. */
import process from 'node:process';
import { CommanderError } from 'commander';
import { COMMANDS, createProgram } from './commands/program/program.ts';
import { refuseUnknown } from './commands/program/suggest.ts';
import { runMain } from './lib/run-command.ts';

/** Commands that speak of the others. */
const NEED_ALL: ReadonlySet<string> = new Set(['completion']);

async function main(): Promise<void> {
  const wanted = process.argv[2] ?? '';
  // Most commands load much that the others do not need.
  const isAlone = Object.hasOwn(COMMANDS, wanted) && !NEED_ALL.has(wanted);
  const program = await createProgram(isAlone ? [wanted] : undefined);
  try {
    refuseUnknown(program, wanted);
    await program.parseAsync();
  } catch (error) {
    // commander has printed what is wrong, or the help that was asked for.
    if (!(error instanceof CommanderError)) throw error;
    process.exitCode = error.exitCode;
  }
}

await runMain(main);
