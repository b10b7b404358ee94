/** `thimble eval translation`. */
import process from 'node:process';
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import { formatEstimate } from '../eval/intervals.ts';
import { writeRecord } from '../finetune/measure/record.ts';
import {
  type AgreementReport,
  evaluateAgreement,
  N_AGREEMENT,
} from '../finetune/translation/agreement.ts';
import { readSplit, translationFiles, writeSplit } from '../finetune/translation/data.ts';
import {
  evaluateTranslation,
  nAnswer,
  type TranslationReport,
  type TranslationScore,
} from '../finetune/translation/evaluate.ts';
import { parsePairs, SPLIT_DEFAULTS, splitPairs } from '../finetune/translation/pairs.ts';
import { parseCount } from '../lib/arguments.ts';
import { interruptSignal } from '../lib/interrupt.ts';
import { SMALL_MODEL_ID } from '../pull/catalogue.ts';
import { readText } from '../train/read-text.ts';
import { type MeasureFlags, measuredFolders, openMeasured, withAnswers } from './eval-adapter.ts';

export const TRANSLATION_EXAMPLES = `
Examples:
  thimble eval translation --make french --pairs fra.txt   # what to learn, and what shares no sentence with it
  thimble finetune -m smollm2-135m-instruct --data french/train.jsonl --epochs 1 --batch 16 --rate 0.002 --max-tokens 64 --halves --out english-french
  thimble eval translation --adapter english-french --data french
  thimble eval translation --adapter english-french --agreement   # forms for men and for women
`;

interface TranslationFlags extends MeasureFlags {
  readonly pairs?: string;
  readonly maxWords: number;
  readonly maxChars: number;
  readonly train: number;
  readonly test: number;
  readonly choice: number;
  readonly seed: number;
  readonly source: string;
  readonly target: string;
  readonly agreement?: boolean;
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
    .option('--agreement', 'only measure whose forms sentences with I, he and she get in French')
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
  if (flags.agreement === true) return await measureAgreement(flags);
  const { model, source, target, out } = flags;
  const { folder, dataFolder } = measuredFolders(flags);
  const data = await readSplit(dataFolder);
  const { local, adapter } = await openMeasured(model, folder);
  const report = await withAnswers({ total: nAnswer(data), out }, (onAnswer) =>
    evaluateTranslation(local, adapter, data, {
      ...{ languages: { source, target }, signal: interruptSignal, onAnswer },
    }),
  );
  if (flags.record === true) await writeRecord(folder, translationFiles(dataFolder), report);
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

/** @throws {EngineError} E_USAGE without an adapter */
async function measureAgreement(flags: TranslationFlags): Promise<void> {
  const { model, adapter: folder, out, json } = flags;
  if (folder === undefined)
    throw new EngineError('E_USAGE', 'eval: --agreement: expected --adapter. Give its folder.');
  const { local, adapter } = await openMeasured(model, folder);
  const report = await withAnswers({ total: N_AGREEMENT, out }, (onAnswer) =>
    evaluateAgreement(local, adapter, { signal: interruptSignal, onAnswer }),
  );
  process.stdout.write(json === true ? `${JSON.stringify(report)}\n` : describeAgreement(report));
}

function describeAgreement(report: AgreementReport): string {
  const lines = Object.entries(report).map(
    ([subject, { n, men, women }]) =>
      `  ${subject}, ${n} sentences: a form for men ${formatEstimate(men)}, for women ${formatEstimate(women)}\n`,
  );
  return `forms of adjectives and trades\n${lines.join('')}`;
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
