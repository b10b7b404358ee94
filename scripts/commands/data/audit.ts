/** `thimble data audit`: what is in data. */
import type { Command } from 'commander';
import { auditRows } from '../../data/audit/audit.ts';
import type { Audit } from '../../data/audit/audit.ts';
import { auditSections } from '../../data/audit/sections.ts';
import { DEFAULT_SIMILARITY } from '../../data/duplicates.ts';
import { UNKNOWN_LANGUAGE } from '../../data/language.ts';
import type { OpenSound } from '../../data/media/media-files.ts';
import { soundFacts } from '../../data/media/sound-facts.ts';
import { loadClassifier } from '../../data/moderation.ts';
import { checkFree, writeFolder } from '../../data/output/folder.ts';
import { describeInputs, writeReport } from '../../data/output/write-report.ts';
import { parseNumber } from '../../lib/arguments.ts';
import { loadDecoders } from '../../node-host/sound.ts';
import { aboutOf, addInputOptions, inputOf, printJson, printReport, runData } from './common.ts';
import type { InputFlags } from './common.ts';

interface AuditFlags extends InputFlags {
  readonly out?: string;
  readonly near: number;
  readonly nearDuplicates: boolean;
  readonly toxicity: boolean;
}

const EXAMPLES = `
Examples:
  thimble data audit stories.txt
  thimble data audit tweets.csv --field tweet --out audit --licence MIT
  thimble data audit photos/ --out audit
  thimble data audit part-1.parquet part-2.parquet --no-toxicity --json
`;
/** Languages that a card names have at least this share of the rows. */
const MIN_LANGUAGE_SHARE = 0.01;
const DESCRIPTION =
  'Files that were audited by thimble data audit: the report beside this card says what is in them.';

export function registerAudit(data: Command): void {
  const command = data
    .command('audit')
    .summary('say what is in data')
    .description(
      'Counts lengths, languages, duplicates, personal data, licences, groups of people and toxicity, with 95 % intervals; of a folder, its pictures and recordings, too.',
    )
    .argument('<files...>', 'files or folders')
    .option('--out <folder>', 'write report.html and croissant.json there')
    .option(
      '--near <share>',
      'similarity of near duplicates',
      parseNumber(0.1, 1),
      DEFAULT_SIMILARITY,
    )
    .option('--no-near-duplicates', 'look for equal texts alone')
    .option('--no-toxicity', 'leave toxicity out');
  addInputOptions(command).addHelpText('after', EXAMPLES).action(runAudit);
}

async function runAudit(files: readonly string[], flags: AuditFlags): Promise<void> {
  const { out } = flags;
  if (out !== undefined) await checkFree(out);
  const classifier = flags.toxicity ? await loadClassifier() : null;
  let decoders: ReturnType<typeof loadDecoders> | null = null;
  const openSound: OpenSound = async (path) =>
    await soundFacts(path, await (decoders ??= loadDecoders()));
  const audit = await runData(
    'audit',
    files,
    (onBytes) =>
      auditRows({
        ...{ input: inputOf(files, flags), isStrict: flags.strict === true, classifier, onBytes },
        licence: flags.licence ?? null,
        similarity: flags.nearDuplicates ? flags.near : null,
        openSound,
      }),
    ({ nRow, problems }) => `${nRow} rows, ${problems.count} bad`,
  );
  const sections = auditSections(audit);
  const missing = out === undefined ? [] : await writeAudit(files, flags, out, audit);
  if (flags.json === true) printJson(jsonOf(audit));
  else printReport(sections, audit.problems, out ?? null, missing);
}

async function writeAudit(
  files: readonly string[],
  flags: AuditFlags,
  out: string,
  audit: Audit,
): Promise<readonly string[]> {
  const languages = audit.languages
    .filter(
      ({ name, nRow }) => name !== UNKNOWN_LANGUAGE && nRow >= MIN_LANGUAGE_SHARE * audit.nRow,
    )
    .map(({ name }) => name);
  const licences = audit.licences.map(({ name }) => name);
  return await writeFolder(out, async (folder) =>
    writeReport(
      folder,
      aboutOf(files, flags, DESCRIPTION),
      auditSections(audit),
      await describeInputs(files, out, audit.columns),
      { licences, languages },
    ),
  );
}

/** What a program reads: counts, without texts. */
function jsonOf({ problems, pairs, columns: _columns, ...counts }: Audit): unknown {
  return {
    ...counts,
    bad: {
      count: problems.count,
      counts: Object.fromEntries(problems.counts),
      first: problems.kept,
    },
    pairs: pairs.map(({ kind, first, second, similarity, estimate }) => ({
      ...{ kind, first: first.at, second: second.at, similarity, estimate },
    })),
  };
}
