/** Options that the commands of `thimble data` share, and how they are run and reported. */
import { basename } from 'node:path';
import process from 'node:process';
import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import type { CardAbout } from '../../data/output/croissant.ts';
import { sectionsText } from '../../data/output/section.ts';
import type { Section } from '../../data/output/section.ts';
import { CARD_FILE, REPORT_FILE } from '../../data/output/write-report.ts';
import type { Problems } from '../../data/problems.ts';
import { describeProblem } from '../../data/problems.ts';
import { DEFAULT_SEPARATOR, FORMAT_NAMES, inputBytes } from '../../data/readers/index.ts';
import type { InputOptions } from '../../data/readers/index.ts';
import {
  interruptSignal,
  onInterrupt,
  setInterruptOutcome,
  INTERRUPTED_EXIT_CODE,
} from '../../lib/interrupt.ts';
import { runStep } from '../../lib/step.ts';

export interface InputFlags extends CardFlags {
  readonly format?: string;
  readonly separator: string;
  readonly field?: string;
  readonly strict?: boolean;
}

/** What the report and the card say. */
export interface CardFlags {
  readonly name?: string;
  readonly licence?: string;
  readonly url?: string;
  readonly creator?: string;
  readonly date?: string;
  readonly json?: boolean;
}

/** Files are text (.txt), JSON Lines (.jsonl), CSV (.csv, .tsv), Parquet (.parquet), or folders. */
export function addInputOptions(command: Command): Command {
  return addCardOptions(addReadOptions(command));
}

function addReadOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--format <name>', "format of all files (default: by each name's ending)").choices(
        FORMAT_NAMES,
      ),
    )
    .option('--separator <text>', 'what ends a text in .txt files', unescaped, DEFAULT_SEPARATOR)
    .option('--field <name>', 'field that has the text (default: text, messages, caption, ...)')
    .option('--strict', 'end at the first bad row instead of counting it');
}

export function addCardOptions(command: Command): Command {
  return command
    .option('--licence <name>', 'licence of rows that name none, such as CC-BY-4.0')
    .option('--name <text>', 'name of the data set in the report and the Croissant file')
    .option('--url <address>', 'where the data set is published', parseAddress)
    .option('--creator <name>', 'who made the data set')
    .option('--date <day>', 'day of publication (default: today)', parseDay)
    .option('--json', 'print one JSON object at the end');
}

/** `\n\n` of a shell as two line ends. */
function unescaped(text: string): string {
  const plain = text.replaceAll('\\n', '\n').replaceAll('\\t', '\t');
  if (plain === '') throw new InvalidArgumentError('Expected at least one character.');
  return plain;
}

function parseAddress(text: string): string {
  if (!/^https?:\/\//.test(text) || !URL.canParse(text))
    throw new InvalidArgumentError('Expected an address such as https://example.org/data.');
  return text;
}

function parseDay(text: string): string {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text) || Number.isNaN(Date.parse(text)))
    throw new InvalidArgumentError('Expected a day such as 2026-11-29.');
  return text;
}

/** Names separated by commas. */
export function parseList(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('')) throw new InvalidArgumentError('Expected names separated by commas.');
  return names;
}

/** A whole number of any size up to a signed 32-bit one. */
export function parseSeed(text: string): number {
  const seed = Number(text);
  if (!/^\d{1,10}$/.test(text) || seed > 2 ** 31 - 1)
    throw new InvalidArgumentError('Expected a whole number from 0 to 2147483647.');
  return seed;
}

export function inputOf(files: readonly string[], flags: InputFlags): InputOptions {
  return {
    files,
    format: flags.format ?? null,
    separator: flags.separator,
    field: flags.field ?? null,
    signal: interruptSignal,
  };
}

export function aboutOf(files: readonly string[], flags: CardFlags, what: string): CardAbout {
  return {
    name:
      flags.name ??
      `${files
        .map((file) => basename(file))
        .join(', ')
        .slice(0, 200)}`,
    description: what,
    licence: flags.licence ?? null,
    url: flags.url ?? null,
    creator: flags.creator ?? null,
    date: flags.date ?? new Date().toISOString().slice(0, 10),
  };
}

/**
 * Runs `work` with a progress line over the bytes of the files; Ctrl-C waits until nothing half-written is left.
 * @param goesOn whether the same command goes on after Ctrl-C, rather than begin again
 */
export async function runData<T>(
  label: string,
  files: readonly string[],
  work: (onBytes: (bytes: number) => void) => Promise<T>,
  describe: (result: T) => string,
  goesOn = false,
): Promise<T> {
  if (!goesOn) setInterruptOutcome(INTERRUPTED_EXIT_CODE, 'interrupted; nothing was written');
  const total = await inputBytes(files);
  return await runStep(label, async ({ onProgress }) => {
    let done = 0;
    const running = work((bytes) => {
      done += bytes;
      onProgress({ done, total, unit: 'bytes' });
    });
    const forget = onInterrupt(async () => void (await running.catch(() => undefined)));
    const value = await running.finally(forget);
    return { text: describe(value), value };
  });
}

/** Sections as text, bad rows in words, and what to look at next. */
export function printReport(
  sections: readonly Section[],
  problems: Problems,
  out: string | null,
  missing: readonly string[],
): void {
  process.stdout.write(`${sectionsText(sections)}\n`);
  for (const problem of problems.kept)
    process.stderr.write(`bad row   ${describeProblem(problem)}\n`);
  if (out === null) return;
  const flags: Readonly<Record<string, string>> = { license: '--licence' };
  process.stdout.write(`\nreport    ${out}/${REPORT_FILE}\ncard      ${out}/${CARD_FILE}\n`);
  if (missing.length > 0)
    process.stderr.write(
      `card      lacks ${missing.join(', ')}, which Croissant requires: give ${missing.map((name) => flags[name] ?? `--${name}`).join(', ')}\n`,
    );
}

export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value)}\n`);
}
