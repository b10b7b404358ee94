/** `thimble eval translation`. */
import { appendFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import type { Command } from 'commander';
import { isTrainedPrefix } from '../../engine/adapters/prefix.ts';
import { EngineError } from '../../engine/base/errors.ts';
import { requireKind } from '../../engine/manifest/manifest.ts';
import { build } from '../build/build.ts';
import { ensureModel } from '../dev/prepare.ts';
import { readSplit, writeSplit } from '../finetune/translation/data.ts';
import {
  evaluateTranslation,
  loadWithAdapter,
  nAnswer,
  type TranslationReport,
  type TranslationScore,
} from '../finetune/translation/evaluate.ts';
import { parsePairs, SPLIT_DEFAULTS, splitPairs } from '../finetune/translation/pairs.ts';
import { writeRecord } from '../finetune/translation/record.ts';
import { openAdapter } from '../import/open/open-adapter.ts';
import { parseCount } from '../lib/arguments.ts';
import { interruptSignal } from '../lib/interrupt.ts';
import { modelsDir } from '../lib/paths.ts';
import { ProgressLine } from '../lib/progress.ts';
import { SMALL_MODEL_ID } from '../pull/catalogue.ts';
import { readImported } from '../push/push.ts';
import { readText } from '../train/read-text.ts';

export const TRANSLATION_EXAMPLES = `
Examples:
  thimble eval translation --make french --pairs fra.txt   # what to learn, and what shares no sentence with it
  thimble finetune -m smollm2-135m-instruct --data french/train.jsonl --epochs 1 --batch 16 --rate 0.002 --max-tokens 64 --halves --out english-french
  thimble eval translation --adapter english-french --data french
`;

interface TranslationFlags {
  readonly model: string;
  readonly make?: string;
  readonly pairs?: string;
  readonly maxWords: number;
  readonly maxChars: number;
  readonly train: number;
  readonly test: number;
  readonly choice: number;
  readonly seed: number;
  readonly adapter?: string;
  readonly data?: string;
  readonly source: string;
  readonly target: string;
  readonly record?: boolean;
  readonly out?: string;
  readonly json?: boolean;
}

export function addTranslationCommand(command: Command): void {
  const d = SPLIT_DEFAULTS;
  command
    .command('translation')
    .description(
      'How well a model and its adapter translate sentences that share none, in either language, with what was learned: ' +
        'chrF2 of greedy answers, the base with the best of several prompts. --make divides pairs of sentences for it.',
    )
    .option('-m, --model <id>', 'the base of the adapter', SMALL_MODEL_ID)
    .option('--adapter <folder>', 'the folder of the adapter')
    .option('--data <folder>', 'the folder that --make wrote')
    .option('--source <language>', 'how prompts of the base name the language', 'English')
    .option('--target <language>', 'and the one to translate into', 'French')
    .option('--record', "write record.json into the adapter's folder: hashes, and what is found")
    .option('--out <file>', 'write a line of JSON for each answer')
    .option('--make <folder>', 'only divide pairs: sentences to learn, to measure on, to choose by')
    .option('--pairs <file>', 'of --make: a sentence, a tab and its translation a line')
    .option('--max-words <n>', 'of --make: words of a sentence', parseCount(2), d.maxWords)
    .option('--max-chars <n>', 'of --make: characters of either', parseCount(2), d.maxChars)
    .option('--train <n>', 'of --make: sentences to learn at most', parseCount(1), d.nTrain)
    .option('--test <n>', 'of --make: sentences to measure on', parseCount(1), d.nTest)
    .option('--choice <n>', 'of --make: others to choose a prompt by', parseCount(1), d.nChoice)
    .option('--seed <n>', 'of --make', parseCount(0), d.seed)
    .option('--json', 'print one JSON object')
    .addHelpText('after', TRANSLATION_EXAMPLES)
    .action(runTranslation);
}

async function runTranslation(flags: TranslationFlags): Promise<void> {
  if (flags.make !== undefined) return await makeSplit(flags.make, flags);
  const { model, adapter: folder, data: dataFolder, source, target } = flags;
  if (folder === undefined || dataFolder === undefined)
    throw new EngineError('E_USAGE', 'eval: expected --adapter and --data, or --make. Give them.');
  const data = await readSplit(dataFolder);
  await build();
  await ensureModel(model);
  const manifest = requireKind(
    (await readImported(join(modelsDir(), model), model)).manifest,
    'decoder',
  );
  const adapter = await openAdapter(folder, manifest);
  if (isTrainedPrefix(adapter))
    throw new EngineError('E_USAGE', `eval: ${folder} is a prefix; expected a low-rank adapter.`);
  const local = await loadWithAdapter(model, manifest, adapter);
  const progress = new ProgressLine('translating: ');
  const lines: string[] = [];
  const report = await evaluateTranslation(local, adapter, data, {
    ...{ languages: { source, target }, signal: interruptSignal },
    onAnswer: (told) => {
      lines.push(JSON.stringify(told));
      progress.update({ done: lines.length, total: nAnswer(data), unit: 'items' });
    },
  });
  progress.finish('done');
  if (flags.out !== undefined) await appendFile(flags.out, `${lines.join('\n')}\n`);
  if (flags.record === true) await writeRecord(folder, dataFolder, report);
  process.stdout.write(flags.json === true ? `${JSON.stringify(report)}\n` : describe(report));
}

function describe(report: TranslationReport): string {
  const { model, nTest, prompts, basePrompt, base, adapter, copied } = report;
  const row = (name: string, { chrf, exact }: TranslationScore): string =>
    `  ${name}: chrF2 ${chrf.toFixed(1)}, ${(100 * exact).toFixed(1)} % as a reference has it\n`;
  const chosen = prompts.map(({ name, chrf }) => `  ${name}: chrF2 ${chrf.toFixed(1)}\n`).join('');
  return `${model}, prompts on ${report.nChoice} sentences to choose by
${chosen}on ${nTest} sentences
${row(`the base, ${basePrompt}`, base)}${row('the adapter', adapter)}${row('the sentence, copied', copied)}the adapter: ${(adapter.chrf - base.chrf).toFixed(1)} above the base; without it the base answers ${report.nSameOff} of ${report.nAskedOff} to the same bits
`;
}

/** @throws {EngineError} E_USAGE without --pairs, and for pairs that do not suffice */
async function makeSplit(folder: string, flags: TranslationFlags): Promise<void> {
  const { pairs: file, maxWords, maxChars, seed } = flags;
  if (file === undefined)
    throw new EngineError('E_USAGE', 'eval: --make: expected --pairs. Give the file of pairs.');
  const split = splitPairs(parsePairs(await readText(file, 'pairs'), file), {
    ...{ maxWords, maxChars, seed },
    ...{ nTrain: flags.train, nTest: flags.test, nChoice: flags.choice },
  });
  await writeSplit(folder, split);
  const { train, test, choice, nFit, nShared } = split;
  process.stdout.write(
    `${folder}: of ${nFit} short pairs ${train.length} to learn, ${test.length} sentences to measure on and ${choice.length} to choose by; ` +
      `${nShared} pairs left out, whose translation one of these has\n`,
  );
}
