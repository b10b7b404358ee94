/** What the commands of `thimble bench` share: options, notes, results. */
import process from 'node:process';
import type { Command } from 'commander';
import { parseCount } from '../../lib/arguments.ts';

export const DEFAULT_ROUNDS = 5;

/**
 * A command with options of its own.
 * @param summary what it does, as the list of commands has it: `measure ...`
 * @param examples command lines after `thimble bench`
 * @param details what the help says after the examples
 */
export function benchCommand(
  parent: Command,
  name: string,
  summary: string,
  examples: readonly string[],
  details = '',
): Command {
  const lines = examples.map((example) => `  thimble bench ${example}\n`).join('');
  return parent
    .command(name)
    .summary(summary)
    .description(`${summary.slice(0, 1).toUpperCase()}${summary.slice(1)}.`)
    .addHelpText('after', `\nExamples:\n${lines}${details}`);
}

export function addRounds(command: Command, more = ''): Command {
  const text = `measured rounds (default: ${DEFAULT_ROUNDS}${more})`;
  return command.option('--rounds <n>', text, parseCount(1));
}

export function addJson(command: Command): Command {
  return command.option('--json', 'print nothing but the JSON object');
}

/** A line on standard error: what is measured now. */
export function note(text: string): void {
  process.stderr.write(`bench     ${text}\n`);
}

/** Text for people unless `asJson`, and always the JSON object as the last line. */
export function printResult(result: object, text: string, asJson: boolean | undefined): void {
  if (asJson !== true) process.stdout.write(text);
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
