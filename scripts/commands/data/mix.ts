/** `thimble data mix`: a weighted mixture. */
import process from 'node:process';
import type { Command } from 'commander';
import { mixRows, parseSource } from '../../data/mix.ts';
import { ROWS_FILE } from '../../data/rewrite.ts';
import { parseCount } from '../../lib/arguments.ts';
import { INTERRUPTED_EXIT_CODE, onInterrupt, setInterruptOutcome } from '../../lib/interrupt.ts';
import { runStep } from '../../lib/step.ts';
import { aboutOf, addInputOptions, inputOf, parseSeed, printJson, printReport } from './common.ts';
import type { RewriteFlags } from './rewrite.ts';

interface MixFlags extends RewriteFlags {
  readonly seed: number;
  readonly rows?: number;
}

const EXAMPLES = `
Examples:
  thimble data mix stories.txt=0.7 poems.jsonl=0.3 --out mixed
  thimble data mix stories.txt=3 poems.jsonl=1 --rows 10000 --seed 7 --out mixed
`;

export function registerMix(data: Command): void {
  const command = data
    .command('mix')
    .summary('mix sources by weight')
    .description(
      'Draws by a seed which source each row comes from, and takes its next row. Ends with the first source that has no more rows; with --rows, sources begin again.',
    )
    .argument('<sources...>', 'FILE=WEIGHT; only the share of all weights counts')
    .requiredOption('--out <folder>', 'a new folder for rows.jsonl, report.html and croissant.json')
    .option('--rows <n>', 'number of rows', parseCount(1))
    .option('--seed <n>', 'decides the order', parseSeed, 0);
  addInputOptions(command).addHelpText('after', EXAMPLES).action(runMix);
}

async function runMix(texts: readonly string[], flags: MixFlags): Promise<void> {
  const { out, seed, rows: nRow = null } = flags;
  const sources = texts.map(parseSource);
  const files = sources.map(({ file }) => file);
  setInterruptOutcome(INTERRUPTED_EXIT_CODE, 'interrupted; nothing was written');
  const result = await runStep('mix', async ({ onProgress }) => {
    const running = mixRows({
      ...{
        sources,
        input: inputOf(files, flags),
        isStrict: flags.strict === true,
        seed,
        nRow,
        out,
      },
      about: aboutOf(files, flags, 'A weighted mixture. Made by thimble data mix.'),
      onRow: (done) => onProgress({ done, total: nRow, unit: 'items' }),
    });
    const forget = onInterrupt(async () => void (await running.catch(() => undefined)));
    const value = await running.finally(forget);
    return { text: `${value.nRow} rows written`, value };
  });
  const { sections, problems, missing, ...counts } = result;
  if (flags.json === true) printJson({ ...counts, bad: problems.count });
  else {
    printReport(sections, problems, out, missing);
    process.stdout.write(`rows      ${out}/${ROWS_FILE}\n`);
  }
}
