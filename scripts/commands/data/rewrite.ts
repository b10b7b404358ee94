/** `thimble data filter`, `dedupe` and `redact`: rows that stay, and rows that are changed. */
import process from 'node:process';
import type { Command } from 'commander';
import { dedupeOperation } from '../../data/dedupe.ts';
import { DEFAULT_SIMILARITY } from '../../data/duplicates.ts';
import { filterOperation } from '../../data/filter.ts';
import type { FilterOptions } from '../../data/filter.ts';
import { loadClassifier } from '../../data/moderation.ts';
import { redactOperation } from '../../data/redact.ts';
import { ROWS_FILE, rewriteRows } from '../../data/rewrite.ts';
import type { Operation } from '../../data/rewrite.ts';
import { REDACTION_KIND_NAMES } from '../../../worker/serving/redaction/kinds.ts';
import type { RedactionKind } from '../../../worker/serving/redaction/kinds.ts';
import { parseCount, parseNames, parseNumber } from '../../lib/arguments.ts';
import {
  aboutOf,
  addInputOptions,
  inputOf,
  parseList,
  printJson,
  printReport,
  runData,
} from './common.ts';
import type { InputFlags } from './common.ts';

export interface RewriteFlags extends InputFlags {
  readonly out: string;
}

const FILTER_EXAMPLES = `
Examples:
  thimble data filter stories.txt --min-words 20 --max-words 500 --out filtered
  thimble data filter tweets.csv --language en,fr --max-toxicity 0.2 --out filtered
  thimble data filter photos/captions.jsonl --allow-licence "public domain,CC-BY-4.0" --out filtered
  thimble data filter aligned/ --min-agreement 0.1 --out filtered
  thimble data filter stories.txt --match "(dragon|castle)s?" --without "https?://" --out filtered
`;
const DEDUPE_EXAMPLES = `
Examples:
  thimble data dedupe stories.txt --out unique
  thimble data dedupe tweets.csv --near 0.9 --out unique
  thimble data dedupe a.jsonl b.jsonl --exact --out unique      (rows of b that a has go)
`;
const REDACT_EXAMPLES = `
Examples:
  thimble data redact letters.jsonl --out redacted
  thimble data redact letters.jsonl --kinds email,phone,card --out redacted
`;

interface FilterFlags extends RewriteFlags, FilterOptions {}

export function registerRewrites(data: Command): void {
  registerFilter(data);
  registerDedupe(data);
  registerRedact(data);
}

function registerFilter(data: Command): void {
  const command = data
    .command('filter')
    .summary('keep rows that meet conditions')
    .description('Keeps the rows that meet every condition given, and counts why others went.')
    .argument('<files...>', 'files or folders')
    .requiredOption('--out <folder>', 'a new folder for rows.jsonl, report.html and croissant.json')
    .option('--min-chars <n>', 'fewest characters', parseCount(0))
    .option('--max-chars <n>', 'most characters', parseCount(1))
    .option('--min-words <n>', 'fewest words', parseCount(0))
    .option('--max-words <n>', 'most words', parseCount(1))
    .option('--language <codes>', 'ISO 639-1 codes such as en,fr', parseList)
    .option(
      '--max-toxicity <score>',
      "highest score of the kit's classifier of texts",
      parseNumber(0, 1),
    )
    .option(
      '--allow-licence <names>',
      'names of licences, or kinds such as "public domain"',
      parseList,
    )
    .option(
      '--min-agreement <cosine>',
      'least agreement of a text with its picture, as thimble data align wrote it',
      parseNumber(-1, 1),
    )
    .option('--match <regex>', 'a regular expression that a text has to match somewhere')
    .option('--without <regex>', 'one that it must not match');
  addInputOptions(command)
    .addHelpText('after', FILTER_EXAMPLES)
    .action(async (files: readonly string[], flags: FilterFlags) => {
      const classifier = flags.maxToxicity === undefined ? null : await loadClassifier();
      const operation = filterOperation(flags, { classifier, licence: flags.licence ?? null });
      await runRewrite(
        'filter',
        files,
        flags,
        operation,
        'Rows that met the conditions of the report.',
      );
    });
}

interface DedupeFlags extends RewriteFlags {
  readonly near: number;
  readonly exact?: boolean;
}

function registerDedupe(data: Command): void {
  const command = data
    .command('dedupe')
    .summary('drop rows that repeat earlier ones')
    .description(
      'Keeps the first of rows whose texts are equal, or nearly: at least a share of their runs of three words is the same. ' +
        'Rows with pictures or recordings repeat each other only if these are the same, too, or pictures look the same.',
    )
    .argument('<files...>', 'files or folders')
    .requiredOption('--out <folder>', 'a new folder for rows.jsonl, report.html and croissant.json')
    .option(
      '--near <share>',
      'similarity of near duplicates',
      parseNumber(0.1, 1),
      DEFAULT_SIMILARITY,
    )
    .option('--exact', 'drop equal texts alone, with equal pictures and recordings');
  addInputOptions(command)
    .addHelpText('after', DEDUPE_EXAMPLES)
    .action(async (files: readonly string[], flags: DedupeFlags) => {
      const similarity = flags.exact === true ? null : flags.near;
      const operation = dedupeOperation(inputOf(files, flags), similarity);
      await runRewrite(
        'dedupe',
        files,
        flags,
        operation,
        'Rows without those that repeat earlier ones.',
      );
    });
}

interface RedactFlags extends RewriteFlags {
  readonly kinds: readonly RedactionKind[];
}

function registerRedact(data: Command): void {
  const command = data
    .command('redact')
    .summary('replace personal data by placeholders')
    .description(
      'Replaces what the redaction of the kit finds by placeholders such as <EMAIL_1>; what they stood for is not kept.',
    )
    .argument('<files...>', 'files or folders')
    .requiredOption('--out <folder>', 'a new folder for rows.jsonl, report.html and croissant.json')
    .option(
      '--kinds <names>',
      `of ${REDACTION_KIND_NAMES.join(',')}`,
      parseNames(REDACTION_KIND_NAMES),
      REDACTION_KIND_NAMES,
    );
  addInputOptions(command)
    .addHelpText('after', REDACT_EXAMPLES)
    .action(async (files: readonly string[], flags: RedactFlags) => {
      const operation = redactOperation(flags.kinds);
      await runRewrite('redact', files, flags, operation, 'Rows whose personal data was replaced.');
    });
}

export async function runRewrite(
  label: string,
  files: readonly string[],
  flags: RewriteFlags,
  operation: Operation,
  what: string,
): Promise<void> {
  const { out } = flags;
  const result = await runData(
    label,
    files,
    (onBytes) =>
      rewriteRows({
        ...{
          input: inputOf(files, flags),
          isStrict: flags.strict === true,
          out,
          operation,
          onBytes,
        },
        about: aboutOf(files, flags, `${what} Made by thimble data ${label}.`),
      }),
    ({ nRow, nKept, problems }) => `${nKept} of ${nRow} rows written, ${problems.count} bad`,
  );
  const { sections, problems, missing, dropped, ...counts } = result;
  if (flags.json === true)
    printJson({ ...counts, dropped: Object.fromEntries(dropped), bad: problems.count });
  else {
    printReport(sections, problems, out, missing);
    process.stdout.write(`rows      ${out}/${ROWS_FILE}\n`);
  }
}
