/** What a person meant who typed a word that is no command. */
import type { Command } from 'commander';

/** Words of other programs (Ollama, npm, docker, git) and the commands that do the same here. */
export const FAMILIAR_WORDS: Readonly<Record<string, string>> = {
  add: 'thimble pull',
  convert: 'thimble import',
  create: 'thimble import',
  delete: 'thimble rm',
  down: 'thimble ps',
  download: 'thimble pull',
  get: 'thimble pull',
  info: 'thimble show',
  install: 'thimble pull',
  kill: 'thimble ps',
  list: 'thimble ls',
  login: 'thimble keys',
  publish: 'thimble deploy',
  remove: 'thimble rm',
  server: 'thimble serve',
  start: 'thimble serve',
  status: 'thimble ps',
  stop: 'thimble ps',
  talk: 'thimble chat',
  test: 'thimble doctor',
  uninstall: 'thimble rm',
  up: 'thimble serve',
  version: 'thimble --version',
};

/** Most letters that are wrong, left out, one too many, or changed places, of a word's length. */
const MAX_WRONG_SHARE = 0.4;

/** The one command line that comes closest; null when nothing is close. */
export function suggestCommand(word: string, commands: readonly string[]): string | null {
  const typed = word.toLowerCase();
  if (Object.hasOwn(FAMILIAR_WORDS, typed)) return FAMILIAR_WORDS[typed] ?? null;
  const lines = {
    ...FAMILIAR_WORDS,
    ...Object.fromEntries(commands.map((name) => [name, `thimble ${name}`])),
  };
  const rows = Object.entries(lines).map(([name, line]) => ({
    ...{ name, line },
    wrong: editDistance(typed, name),
  }));
  const [best] = rows.toSorted((a, b) => a.wrong - b.wrong);
  if (best === undefined) return null;
  const length = Math.max(typed.length, best.name.length);
  const most = Math.max(1, Math.floor(length * MAX_WRONG_SHARE));
  return best.wrong <= most ? best.line : null;
}

/** Optimal string alignment distance (Damerau and Levenshtein). */
function editDistance(a: string, b: string): number {
  // Longer words are no slips of the finger, and cost the square of their length.
  if (Math.abs(a.length - b.length) > 4) return Math.max(a.length, b.length);
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const isSame = a[i - 1] === b[j - 1];
      let least = Math.min(
        rows[i - 1]![j]! + 1,
        row[j - 1]! + 1,
        rows[i - 1]![j - 1]! + Number(!isSame),
      );
      const isSwapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      if (isSwapped) least = Math.min(least, rows[i - 2]![j - 2]! + 1);
      row.push(least);
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}

/** @throws {CommanderError} for a word that is no command, with one suggestion. */
export function refuseUnknown(program: Command, word: string): void {
  const names = program.commands.flatMap((command) => [command.name(), ...command.aliases()]);
  if (word === '' || word.startsWith('-') || word === 'help' || names.includes(word)) return;
  const suggestion = suggestCommand(word, names);
  const more = suggestion === null ? '' : `\n(Did you mean ${suggestion}?)`;
  program.error(`error: unknown command '${word.slice(0, 100)}'${more}`, {
    code: 'commander.unknownCommand',
  });
}
