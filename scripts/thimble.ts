/** The `thimble` program. */
import process from 'node:process';
import { CommanderError } from 'commander';
import { COMMANDS, createProgram } from './commands/program/program.ts';
import { refuseUnknown } from './commands/program/suggest.ts';
import { runMain } from './lib/run-command.ts';

async function main(): Promise<void> {
  const wanted = process.argv[2] ?? '';
  // Most commands load much that the others do not need.
  const program = await createProgram(Object.hasOwn(COMMANDS, wanted) ? [wanted] : undefined);
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
