/** `thimble train-mini`: the small model of text, pictures and sound. */
import { availableParallelism } from 'node:os';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import process from 'node:process';
import type { Command } from 'commander';
import { EngineError } from '../../engine/base/errors.ts';
import { build } from '../build/build.ts';
import { parseCount, parseNumber } from '../lib/arguments.ts';
import { interruptSignal, onInterrupt } from '../lib/interrupt.ts';
import { repoRoot } from '../lib/paths.ts';
import { readMiniConfig } from '../train/mini/config.ts';
import { vocabularyTexts } from '../train/mini/corpus.ts';
import { describeScores, finishMini } from '../train/mini/finish.ts';
import { publishMini } from '../train/mini/record.ts';
import { type MiniStep, runMini } from '../train/mini/run-mini.ts';
import { DEFAULT_VOICE, readStories } from '../train/mini/sources/index.ts';
import { trainVocabulary } from '../train/mini/vocabulary.ts';

const ASSETS = join(repoRoot, 'assets', 'mini');
const EXAMPLES = `
Examples:
  thimble train-mini --minutes 10               # scenes and dialogues, which the kit makes itself
  thimble train-mini --stories TinyStories.txt --easy-vqa easy_vqa/data --fsdd recordings
  thimble import trained/thimble-mini/model --id mini

The same command goes on where it was cut off.
`;
const MAX_MINUTES = 7 * 24 * 60;
/** Lines where no terminal rewrites one. */
const PLAIN_EVERY = 25;

interface MiniFlags {
  readonly config: string;
  readonly out?: string;
  readonly tokenizer: string;
  readonly newTokenizer?: string;
  readonly stories?: string;
  readonly easyVqa?: string;
  readonly fsdd?: string;
  readonly voice: string;
  readonly publish?: string;
  readonly minutes?: number;
  readonly threads: number;
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command('train-mini')
    .summary('train the small model of text, pictures and sound')
    .description(
      'Trains a decoder that reads text, pictures and sound, on kernels of our own, and writes it as a folder that can be imported, ' +
        'with a report. Data that is missing is left out and named.',
    )
    .option('--config <file>', 'what is trained', join(ASSETS, 'config.json'))
    .option('--out <folder>', 'for checkpoints, the model and the report (default: trained/ID)')
    .option('--tokenizer <file>', 'the vocabulary', join(ASSETS, 'tokenizer.json'))
    .option('--new-tokenizer <file>', 'only learn a vocabulary from --stories, and write it')
    .option('--stories <file>', 'TinyStories, or other texts with <|endoftext|> between them')
    .option('--easy-vqa <folder>', "easy-VQA's folder data")
    .option('--fsdd <folder>', 'recordings of the Free Spoken Digit Dataset')
    .option('--voice <id>', 'an imported voice, which speaks commands', DEFAULT_VOICE)
    .option('--publish <folder>', 'put the quantized model, its card, report and record there')
    .option('--minutes <n>', 'end after this time', parseNumber(0, MAX_MINUTES))
    .option('--threads <n>', 'number of threads', parseCount(1), availableParallelism())
    .option('--json', 'print one JSON object at the end')
    .addHelpText('after', EXAMPLES)
    .action(runTrainMini);
}

async function runTrainMini(flags: MiniFlags): Promise<void> {
  const config = await readMiniConfig(flags.config);
  if (flags.newTokenizer !== undefined) {
    await learnTokenizer(flags.newTokenizer, config.seed, config.tokens, flags.stories);
    return;
  }
  const folder = resolve(flags.out ?? join('trained', config.id));
  await build();
  const err = process.stderr;
  const running = runMini(
    config,
    {
      ...{
        folder,
        nThread: flags.threads,
        signal: interruptSignal,
        minutes: flags.minutes ?? null,
      },
      tokenizerJson: await readFile(flags.tokenizer, 'utf8'),
      paths: {
        stories: flags.stories ?? null,
        easyVqa: flags.easyVqa ?? null,
        fsdd: flags.fsdd ?? null,
        voice: flags.voice,
      },
      onSources: ({ sources, missing }) => {
        err.write(`sources   ${sources.map(({ source }) => source.name).join(', ')}\n`);
        for (const { name, why } of missing) err.write(`without   ${name}: ${why}\n`);
      },
      onStep: (step) => {
        const isLine = step.evaluation !== null || step.step % PLAIN_EVERY === 0;
        if (err.isTTY) err.write(`\r${describeStep(step)}\x1b[K${isLine ? '\n' : ''}`);
        else if (isLine) err.write(`${describeStep(step)}\n`);
        if (step.evaluation !== null) err.write(describeScores(step.evaluation));
      },
    },
    (run) => finishMini(run, folder),
  );
  // What was learned is saved before the program ends.
  const takeBack = onInterrupt(async () => void (await running.catch(() => undefined)));
  const result = await running.finally(takeBack);
  if (flags.publish !== undefined) await publishMini(result, config, flags.publish);
  if (flags.json === true) process.stdout.write(`${JSON.stringify(result)}\n`);
  else
    process.stdout.write(
      `${result.steps} steps, ${result.nWeight} weights: ${result.modelFolder}\n` +
        `report    ${result.reportFile}\n` +
        `next      thimble import ${result.modelFolder} --id ${config.id}\n`,
    );
}

async function learnTokenizer(
  file: string,
  seed: number,
  nToken: number,
  stories: string | undefined,
): Promise<void> {
  if (stories === undefined || !existsSync(stories))
    throw new EngineError(
      'E_USAGE',
      '--new-tokenizer: learns from stories. Give a file by --stories.',
    );
  const texts = vocabularyTexts(seed, await readStories(stories));
  await writeFile(file, trainVocabulary(texts, nToken));
  process.stdout.write(`${file}: ${nToken} tokens\n`);
}

function describeStep(step: MiniStep): string {
  const minutes = step.secondsLeft / 60;
  const left = minutes < 2 ? `${Math.round(step.secondsLeft)} s` : `${Math.round(minutes)} min`;
  return `step ${step.step}/${step.nStep}  loss ${step.loss.toFixed(4)}  ${Math.round(step.rowsPerSecond)} rows/s, ${left} left`;
}
