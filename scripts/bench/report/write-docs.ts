/** Writes a run's tables between the marks of docs/benchmarks.md, and its chart beside it. */
import { readFile, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { EngineError } from '../../../engine/base/errors.ts';
import { repoRoot } from '../../lib/paths.ts';
import { describeResult } from './report.ts';
import type { BenchFacts } from './report.ts';
import type { BenchResult } from './run.ts';

const BEGIN = '<!-- bench:begin (written by thimble bench --write-docs) -->';
const END = '<!-- bench:end -->';

export const CHART_FILE = 'docs/bench.svg';

/** @throws {EngineError} E_INTERNAL when docs/benchmarks.md has lost its marks. */
export async function writeDocs(markdown: string, svg: string): Promise<string[]> {
  const document = join(repoRoot, 'docs/benchmarks.md');
  const chart = join(repoRoot, CHART_FILE);
  await writeFile(document, replaceMarked(await readFile(document, 'utf8'), markdown));
  await writeFile(chart, svg);
  return [document, chart];
}

/** `text` with everything between the marks replaced. The formatter leaves generated tables alone. */
export function replaceMarked(text: string, markdown: string): string {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) {
    throw new EngineError(
      'E_INTERNAL',
      `bench: docs/benchmarks.md lacks the lines ${BEGIN} and ${END}, in this order; put them where the tables belong.`,
    );
  }
  const content = `\n\n<!-- prettier-ignore-start -->\n\n${markdown.trim()}\n\n<!-- prettier-ignore-end -->\n\n`;
  return text.slice(0, begin + BEGIN.length) + content + text.slice(end);
}

/** The text between the marks: how it was measured, the chart, the tables. */
export function docsMarkdown(facts: BenchFacts, result: BenchResult): string {
  const { model, preset, cpu, date, rounds, ownTime } = facts;
  const options = `peers --rounds ${rounds}${ownTime ? ' --own-time' : ''}`;
  return [
    `\`npx thimble bench ${options}\`, ${date}: ${model}, preset \`${preset}\`, one core`,
    `(${cpu}). Medians of ${rounds} alternating rounds, lowest and highest in brackets.`,
    '[Rows](#rows) says what each row is.',
    '',
    `![Tokens a second of several engines on one core](${basename(CHART_FILE)})`,
    '',
    describeResult(result),
  ].join('\n');
}
