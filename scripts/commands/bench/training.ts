/** `thimble bench train`. */
import { availableParallelism } from 'node:os';
import process from 'node:process';
import type { Command } from 'commander';
import { build } from '../../build/build.ts';
import { parseCount } from '../../lib/arguments.ts';
import { addJson, addRounds, benchCommand, DEFAULT_ROUNDS, note, printResult } from './common.ts';

/** The measured numbers of docs/training.md are its. */
const BASE_ID = 'smollm2-135m-instruct';

interface TrainingFlags {
  readonly model: string;
  readonly python?: string;
  readonly threads: number;
  readonly rounds?: number;
  readonly json?: boolean;
}

export function registerTraining(parent: Command): void {
  const command = benchCommand(
    parent,
    'train',
    'measure steps of training, in turns with PyTorch',
    ['train', 'train --python venv/bin/python      (beside torch and peft)'],
  )
    .option('-m, --model <id>', 'the imported base of the adapter', BASE_ID)
    .option('--python <file>', 'a Python that has torch, transformers and peft (or THIMBLE_PYTHON)')
    .option('--threads <n>', 'threads of each side', parseCount(1), availableParallelism());
  addJson(addRounds(command)).action(runTraining);
}

async function runTraining(flags: TrainingFlags): Promise<void> {
  const { benchTraining, describeTraining } = await import('../../bench/workloads/training.ts');
  await build();
  const result = await benchTraining({
    ...{ modelId: flags.model, nThread: flags.threads },
    python: flags.python ?? process.env['THIMBLE_PYTHON'] ?? null,
    ...{ rounds: flags.rounds ?? DEFAULT_ROUNDS, onNote: note },
  });
  printResult(result, `${describeTraining(result)}\n`, flags.json);
}
