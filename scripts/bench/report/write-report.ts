/** A bench's result where it was asked for: standard output, files, the documents. */
import { access, constants, writeFile } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import process from 'node:process';
import { asOutputError } from '../../lib/disk.ts';
import { chartSvg } from './chart.ts';
import { describeResult, othersOf, resultJson } from './report.ts';
import type { BenchFacts } from './report.ts';
import type { BenchResult } from './run.ts';
import { docsMarkdown, writeDocs } from './write-docs.ts';

export interface ReportOptions {
  /** A file for the tables. */
  readonly markdown?: string;
  /** A file for the chart. */
  readonly chart?: string;
  /** docs/benchmarks.md's table and docs/bench.svg. */
  readonly writeDocs?: boolean;
  /** Nothing but the JSON object on standard output. */
  readonly json?: boolean;
}

/** Share of the core that other programs had from which the numbers are worth a warning. */
const QUIET_SHARE = 0.03;

/**
 * Asked before minutes are spent on measuring.
 * @throws {EngineError} E_USAGE for a file whose folder does not exist, E_DISK for one that is read-only.
 */
export async function requireWritable({ markdown, chart }: ReportOptions): Promise<void> {
  for (const file of [markdown, chart])
    if (file !== undefined)
      await access(dirname(resolve(file)), constants.W_OK).catch((cause: unknown) => {
        throw asOutputError(cause, file, 'bench');
      });
}

/** @throws {EngineError} E_USAGE, E_DISK when a file cannot be written. */
export async function writeReport(
  options: ReportOptions,
  facts: BenchFacts,
  result: BenchResult,
): Promise<void> {
  warnOfOthers(facts, result);
  const markdown = describeResult(result);
  const svg = chartSvg(facts, result);
  const written: string[] = [];
  for (const [file, text] of [
    [options.markdown, markdown],
    [options.chart, svg],
  ] as const) {
    if (file === undefined) continue;
    await writeFile(file, text).catch((cause: unknown) => {
      throw asOutputError(cause, file, 'bench');
    });
    written.push(file);
  }
  if (options.writeDocs === true)
    written.push(...(await writeDocs(docsMarkdown(facts, result), svg)));
  if (written.length > 0) process.stderr.write(`wrote ${written.join(', ')}\n`);
  if (options.json !== true) process.stdout.write(`${markdown}\n`);
  process.stdout.write(`${JSON.stringify(resultJson(facts, result))}\n`);
}

function warnOfOthers({ ownTime }: BenchFacts, { series }: BenchResult): void {
  const { othersShare } = othersOf(series);
  if (othersShare === undefined || othersShare <= QUIET_SHARE) return;
  const effect = ownTime
    ? 'that is taken out of rates and times, but not what they did to caches and memory'
    : 'rates are low and differ from round to round; --own-time takes that share out';
  process.stderr.write(
    `warning: other programs had ${(othersShare * 100).toFixed(0)} % of the measured core; ${effect}\n`,
  );
}
