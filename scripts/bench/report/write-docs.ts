/** Writes a run's tables between the marks of README.md and its chart into docs/. */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../../../engine/base/errors.ts';
import { repoRoot } from '../../lib/paths.ts';
import { describeResult } from './report.ts';
import type { BenchFacts } from './report.ts';
import type { BenchResult } from './run.ts';

const BEGIN = '<!-- bench:begin (written by thimble bench --write-docs) -->';
const END = '<!-- bench:end -->';

export const CHART_FILE = 'docs/bench.svg';

/** @throws {EngineError} E_INTERNAL when README.md has lost its marks. */
export async function writeDocs(markdown: string, svg: string): Promise<string[]> {
  const readme = join(repoRoot, 'README.md');
  const chart = join(repoRoot, CHART_FILE);
  await writeFile(readme, replaceMarked(await readFile(readme, 'utf8'), markdown));
  await writeFile(chart, svg);
  return [readme, chart];
}

/** `text` with everything between the marks replaced. The formatter leaves generated tables alone. */
export function replaceMarked(text: string, markdown: string): string {
  const begin = text.indexOf(BEGIN);
  const end = text.indexOf(END);
  if (begin < 0 || end < begin) {
    throw new EngineError(
      'E_INTERNAL',
      `bench: README.md lacks the lines ${BEGIN} and ${END}, in this order; put them where the tables belong.`,
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
    '[docs/benchmarks.md](docs/benchmarks.md) says what each row is.',
    '',
    `![Tokens a second of several engines on one core](${CHART_FILE})`,
    '',
    describeResult(result),
  ].join('\n');
}
