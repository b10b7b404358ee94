/** `thimble train`: a small decoder from texts. */
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import type { Command } from 'commander';
import { build } from '../build/build.ts';
import { parseCount, parseNumber } from '../lib/arguments.ts';
import { interruptSignal, onInterrupt } from '../lib/interrupt.ts';
import { readTrainingConfig, type TrainingConfig } from '../train/config.ts';
import type { PairsResult, RunResult, TrainingStep } from '../train/result.ts';
import { runPairs } from '../train/run-pairs.ts';
import { type RunOptions, runTraining } from '../train/run-training.ts';

const EXAMPLES = `
Examples:
  thimble train stories.json                  # checkpoints and the model go to trained/ID
  thimble train stories.json --minutes 10     # what ten minutes give; the same command goes on
  thimble import trained/stories/model --id stories
  thimble run stories "Once upon a time"

A configuration:
  {
    "id": "stories",
    "data": { "files": ["stories.txt"], "licence": "CDLA-Sharing-1.0" },
    "model": { "layers": 4, "dim": 128, "heads": 4, "context": 256 },
    "training": { "steps": 2000, "sequences": 16, "rate": 0.002 }
  }

With "objective": "contrastive", files are JSONL, {"a": "...", "b": "..."} a line, and texts of a pair learn to be alike.
`;
const MAX_MINUTES = 7 * 24 * 60;
/** Lines where no terminal rewrites one. */
const PLAIN_EVERY = 10;

interface TrainFlags {
  readonly out?: string;
  readonly minutes?: number;
  readonly threads: number;
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command('train')
    .summary('train a small decoder from texts')
    .description(
      'Trains a decoder of the Llama family on kernels of our own, and writes it as a folder that can be imported. ' +
        'Checkpoints let the same command go on where it was cut off, to the same weights.',
    )
    .argument('<config>', 'a JSON file, see below')
    .option('--out <folder>', 'for checkpoints and the model (default: trained/ID)')
    .option('--minutes <n>', 'end after this time', parseNumber(0, MAX_MINUTES))
    .option('--threads <n>', 'number of threads', parseCount(1), availableParallelism())
    .option('--json', 'print one JSON object at the end')
    .addHelpText('after', EXAMPLES)
    .action(runTrain);
}

type CourseFlags = Omit<RunOptions, 'onData'>;

/** What is learned, a row each. */
const OBJECTIVES: Readonly<
  Record<
    TrainingConfig['objective'],
    (config: TrainingConfig, options: CourseFlags) => Promise<RunResult | PairsResult>
  >
> = {
  'next-token': (config, options) =>
    runTraining(config, {
      ...options,
      onData: ({ nDocument, train, heldOut, tokenizer }) =>
        process.stderr.write(
          `data      ${nDocument} documents: ${train.length} tokens to learn from, ${heldOut.length} held out, ${tokenizer.nVocab} different\n`,
        ),
    }),
  contrastive: (config, options) =>
    runPairs(config, {
      ...options,
      onData: ({ train, heldOut, nCut }) =>
        process.stderr.write(
          `data      ${train.length} pairs to learn from, ${heldOut.length} held out, ${nCut} texts cut\n`,
        ),
    }),
};

async function runTrain(path: string, flags: TrainFlags): Promise<void> {
  const config = await readTrainingConfig(path);
  const folder = resolve(flags.out ?? join('trained', config.id));
  await build();
  const err = process.stderr;
  const options = {
    ...{ folder, nThread: flags.threads, signal: interruptSignal, minutes: flags.minutes ?? null },
    onStep: (step: TrainingStep) => {
      const isLine = step.heldOutLoss !== null || step.step % PLAIN_EVERY === 0;
      if (err.isTTY) err.write(`\r${describeStep(step)}\x1b[K${isLine ? '\n' : ''}`);
      else if (isLine) err.write(`${describeStep(step)}\n`);
    },
  };
  const running = OBJECTIVES[config.objective](config, options);
  // What was learned is saved before the program ends.
  const takeBack = onInterrupt(async () => void (await running.catch(() => undefined)));
  const result = await running.finally(takeBack);
  const { history: _history, ...summary } = result;
  if (flags.json === true) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else
    process.stdout.write(
      `${'right' in result ? describeRight(result, config) : ''}${result.steps} steps, ${result.nWeight} weights, held-out loss ${shown(result.heldOutLoss)}: ${result.modelFolder}\n` +
        `report    ${result.reportFile}\n` +
        `next      thimble import ${result.modelFolder} --id ${config.id}\n`,
    );
}

function describeRight({ right }: PairsResult, { training }: TrainingConfig): string {
  return right === null
    ? ''
    : `own text the nearest of ${training.sequences}: ${(right * 100).toFixed(1)} % of those held out\n`;
}

function describeStep(step: TrainingStep): string {
  const held = step.heldOutLoss === null ? '' : `, held out ${shown(step.heldOutLoss)}`;
  const minutes = step.secondsLeft / 60;
  const left = minutes < 2 ? `${Math.round(step.secondsLeft)} s` : `${Math.round(minutes)} min`;
  return `step ${step.step}/${step.nStep}  loss ${shown(step.loss)}${held}  ${Math.round(step.tokensPerSecond)} tokens/s, ${step.gflops.toFixed(1)} GFLOP/s, ${left} left`;
}

const shown = (loss: number | null): string => (loss === null ? 'unknown' : loss.toFixed(4));
