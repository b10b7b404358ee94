/** Every command line that the program or a server tells a person to type is one that it takes. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { CommanderError } from 'commander';
import type { Command } from 'commander';
import { expect, test } from 'vitest';
import { repoRoot } from '../scripts/lib/paths.ts';
import { createProgram } from '../scripts/commands/program/program.ts';
import { findHints, linesIn } from './support/hints.ts';
import type { Hint } from './support/hints.ts';

const hints = findHints(['engine', 'worker', 'scripts', 'web']);

/** What stands after the name of the project where no command is meant. */
const PROSE: ReadonlySet<string> = new Set([
  'server',
  'quantizes',
  'secret',
  'in',
  '-F',
  '-f',
  '-n',
  '-c',
]);

test('texts are taken apart as they are meant', () => {
  expect(linesIn('no key. Make one: thimble keys create --name NAME.')).toEqual([
    { words: ['keys', 'create', '--name', 'NAME'], isWhole: true },
  ]);
  expect(linesIn('try `thimble run "a b"` now')).toEqual([
    { words: ['run', 'a b'], isWhole: true },
  ]);
  expect(linesIn('\nExamples:\n  thimble rm my-model      (gone)\n')).toEqual([
    { words: ['rm', 'my-model'], isWhole: true },
  ]);
  expect(linesIn('what thimble backup has written')).toEqual([
    { words: ['backup', 'has', 'written'], isWhole: false },
  ]);
});

test('there are hints of every kind', () => {
  expect(hints.filter(({ isWhole }) => isWhole).length).toBeGreaterThan(100);
  for (const folder of ['engine/', 'worker/', 'scripts/'])
    expect(hints.some(({ place }) => place.startsWith(folder))).toBe(true);
});

/** The program with commands that parse their line and do nothing. */
async function parserOnly(): Promise<Command> {
  const program = await createProgram();
  const silence = (command: Command): void => {
    command
      .exitOverride()
      .configureOutput({ writeErr: () => undefined, writeOut: () => undefined });
    if (command.commands.length === 0) command.action(() => undefined);
    command.commands.forEach(silence);
  };
  silence(program);
  return program;
}

/** Values that are looked at when a line is parsed. */
const PLACEHOLDERS: Readonly<Record<string, string>> = { ORIGIN: 'https://example.org' };

/** Null for a line that is taken, else what is wrong with it. */
async function refusal(words: readonly string[]): Promise<string | null> {
  try {
    const filled = words.map((word) => PLACEHOLDERS[word] ?? word);
    await (await parserOnly()).parseAsync(filled, { from: 'user' });
    return null;
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    return error.exitCode === 0 ? null : error.message;
  }
}

/** The command that the first words name, and the words after it. */
function commandOf(program: Command, words: readonly string[]): [Command, readonly string[]] {
  let at = program;
  for (const [i, word] of words.entries()) {
    const next = at.commands.find((command) => command.name() === word);
    if (next === undefined) return [at, words.slice(i)];
    at = next;
  }
  return [at, []];
}

const isProse = ({ words }: Hint): boolean => PROSE.has(words[0] ?? '');

test('every line to be typed is taken', async () => {
  const refused: string[] = [];
  for (const hint of hints.filter((one) => one.isWhole && !isProse(one))) {
    const why = await refusal(hint.words);
    if (why !== null) refused.push(`${hint.place}: thimble ${hint.words.join(' ')}: ${why}`);
  }
  expect(refused).toEqual([]);
});

test('every mention is of a command, with options that it has', async () => {
  const program = await parserOnly();
  const wrong: string[] = [];
  for (const hint of hints.filter((one) => !isProse(one))) {
    const [command, rest] = commandOf(program, hint.words);
    const known = [...program.options, ...command.createHelp().visibleOptions(command)];
    const flags = rest.filter((word) => /^--?[a-z]/.test(word));
    const unknown = flags.find(
      (flag) => !known.some(({ long, short }) => [long, short].includes(flag)),
    );
    const isUnknown = (command === program && flags.length === 0) || unknown !== undefined;
    // Options of bench are those of its default command.
    if (isUnknown && (await refusal(hint.words)) !== null)
      wrong.push(`${hint.place}: thimble ${hint.words.join(' ')}`);
  }
  expect(wrong).toEqual([]);
});

test('docs/cli.md names every command, and no other', async () => {
  const text = readFileSync(join(repoRoot, 'docs', 'cli.md'), 'utf8');
  const names = (await createProgram()).commands.map((command) => command.name());
  for (const name of names) expect(text).toMatch(new RegExp(`\`(thimble )?${name}\\b`));
  for (const [, name = ''] of text.matchAll(/`thimble ([a-z]+)/g)) expect(names).toContain(name);
});
