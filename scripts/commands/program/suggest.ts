/** What a person meant who typed a word that is no command. */
import type { Command } from 'commander';

/** Words of other programs (Ollama, npm, docker, git) and what does the same here. */
export const FAMILIAR_WORDS: Readonly<Record<string, string>> = {
  add: 'pull',
  convert: 'import',
  create: 'import',
  delete: 'rm',
  down: 'ps',
  download: 'pull',
  get: 'pull',
  info: 'show',
  install: 'pull',
  kill: 'ps',
  list: 'ls',
  login: 'keys',
  publish: 'deploy',
  remove: 'rm',
  server: 'serve',
  start: 'serve',
  status: 'ps',
  stop: 'ps',
  talk: 'chat',
  test: 'doctor',
  uninstall: 'rm',
  up: 'serve',
  version: '--version',
};

/** Most letters that are wrong, left out, one too many, or changed places, of a word's length. */
const MAX_WRONG_SHARE = 0.4;

/** The one command line that comes closest; null when nothing is close. */
export function suggestCommand(word: string, commands: readonly string[]): string | null {
  const typed = word.toLowerCase();
  const meant = { ...FAMILIAR_WORDS, ...Object.fromEntries(commands.map((name) => [name, name])) };
  const rows = Object.entries(meant).map(([name, command]) => ({
    ...{ name, command },
    wrong: editDistance(typed, name),
  }));
  const [best] = rows.toSorted((a, b) => a.wrong - b.wrong);
  if (best === undefined) return null;
  const length = Math.max(typed.length, best.name.length);
  const most = Math.max(1, Math.floor(length * MAX_WRONG_SHARE));
  return best.wrong <= most ? `thimble ${best.command}` : null;
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
