/** `thimble eval questions`. */
import { resolve } from 'node:path';
import process from 'node:process';
import type { Command } from 'commander';
import { formatEstimate } from '../eval/intervals.ts';
import { measureQuestions, type QuestionReport } from '../finetune/pictures/questions.ts';
import { readPictureRows } from '../finetune/pictures/rows.ts';
import { parseCount } from '../lib/arguments.ts';
import { interruptSignal } from '../lib/interrupt.ts';
import { ProgressLine } from '../lib/progress.ts';
import {
  addSeeingOptions,
  addSeeingResults,
  keepSeeingResults,
  openSeeing,
  type SeeingFlags,
} from './open-seeing.ts';

export const QUESTIONS_EXAMPLES = `
Examples:
  thimble eval questions photos/ --adapter eyes --held-out 0.1
  thimble eval questions easy_vqa/data/train easy_vqa/data/test --adapter eyes --split test --most 2000
`;

interface QuestionsFlags extends SeeingFlags {
  readonly most: number;
}

export function addQuestionsCommand(command: Command): void {
  const questions = addSeeingOptions(command.command('questions <files...>'))
    .description(
      'How often an adapter with eyes answers questions about pictures word for word, beside the most frequent answer to the ' +
        'same words.',
    )
    .option('--most <n>', 'questions to ask', parseCount(1), 1000);
  addSeeingResults(questions, 'question')
    .addHelpText('after', QUESTIONS_EXAMPLES)
    .action(runQuestions);
}

async function runQuestions(files: readonly string[], flags: QuestionsFlags): Promise<void> {
  const { model, adapter, heldOut, split = null, most } = flags;
  const rows = await readPictureRows(files.map((file) => resolve(file)));
  const seeing = await openSeeing(model, adapter);
  const progress = new ProgressLine('asking: ');
  const found = await measureQuestions(seeing, rows, {
    ...{ heldOut, split, most, signal: interruptSignal },
    onAnswer: (done, total) => progress.update({ done, total, unit: 'items' }),
  });
  progress.finish('done');
  seeing.close();
  await keepSeeingResults(flags, 'questions', rows, found);
  const { report } = found;
  process.stdout.write(flags.json === true ? `${JSON.stringify(report)}\n` : describe(report));
}

function describe({ nQuestion, nPicture, nKnown, right, words }: QuestionReport): string {
  return (
    `${nQuestion} questions about ${nPicture} pictures, ${nKnown} others whose answers are known\n` +
    `  the adapter: ${formatEstimate(right)}\n` +
    `  the most frequent answer to the same words: ${formatEstimate(words)}\n`
  );
}
