/** `thimble train-tower`: an image tower, which brings pictures among the vectors that an embedding model makes of texts. */
import { availableParallelism } from 'node:os';
import { join, resolve } from 'node:path';
import process from 'node:process';
import type { Command } from 'commander';
import { build } from '../build/build.ts';
import { ensureModel } from '../dev/prepare.ts';
import { readTowerConfig } from '../finetune/tower/config.ts';
import { runTower, type TowerResult } from '../finetune/tower/run-tower.ts';
import { parseCount, parseNumber } from '../lib/arguments.ts';
import { interruptSignal, onInterrupt } from '../lib/interrupt.ts';
import type { TrainingStep } from '../train/result.ts';

const EXAMPLES = `
Examples:
  thimble train-tower photos.json                # the tower goes to trained/ID
  thimble train-tower photos.json --minutes 5    # the same command goes on
  thimble eval space photos/ --tower trained/photos --held-out held-out.txt
  thimble adapter add all-minilm-l6-v2:photos trained/photos

A configuration:
  {
    "id": "photos",
    "data": { "files": ["photos/captions.jsonl"], "heldOut": "held-out.txt", "licence": "CC-BY-4.0" },
    "training": { "steps": 120, "pairs": 512 }
  }

Rows are {"image": "a.jpg", "captions": ["A dog on a beach."]}, as those of thimble finetune --images; held-out.txt has the
SHA-256 of a picture's file a line.
`;
const MAX_MINUTES = 7 * 24 * 60;
/** Lines where no terminal rewrites one. */
const PLAIN_EVERY = 10;
const PLAIN_PICTURES = 500;

interface TowerFlags {
  readonly out?: string;
  readonly minutes?: number;
  readonly threads: number;
  readonly json?: boolean;
}

export function register(program: Command): void {
  program
    .command('train-tower')
    .summary('train an image tower for an embedding model')
    .description(
      'Learns two maps over an imported image encoder, so that a picture becomes a vector beside those of the texts that say ' +
        'what it shows. Encoder and embedding model stay as they are. Checkpoints let the same command go on where it was ' +
        'cut off, to the same weights.',
    )
    .argument('<config>', 'a JSON file, see below')
    .option('--out <folder>', 'for the tower and its checkpoint (default: trained/ID)')
    .option('--minutes <n>', 'end after this time', parseNumber(0, MAX_MINUTES))
    .option('--threads <n>', 'number of threads', parseCount(1), availableParallelism())
    .option('--json', 'print one JSON object at the end')
    .addHelpText('after', EXAMPLES)
    .action(runCommand);
}

async function runCommand(path: string, flags: TowerFlags): Promise<void> {
  const config = await readTowerConfig(path);
  const folder = resolve(flags.out ?? join('trained', config.id));
  await build();
  await ensureModel(config.encoder);
  await ensureModel(config.text);
  const err = process.stderr;
  const running = runTower(config, {
    ...{ folder, nThread: flags.threads, signal: interruptSignal, minutes: flags.minutes ?? null },
    onPicture: (nDone, nPicture) => {
      if (err.isTTY) err.write(`\rlooked at ${nDone} of ${nPicture} pictures\x1b[K`);
      else if (nDone % PLAIN_PICTURES === 0) err.write(`pictures  ${nDone} of ${nPicture}\n`);
    },
    onData: ({ nPicture, train, validation, nSharedCaption }) => {
      err.write(
        `${err.isTTY ? '\r\x1b[K' : ''}data      ${nPicture} pictures: ${train.length} pairs to learn from, ${validation.length} to measure on\n`,
      );
      if (nSharedCaption > 0)
        err.write(`left out  ${nSharedCaption} captions that pictures held out have, too\n`);
    },
    onStep: (step) => {
      const isLine = step.heldOutLoss !== null || step.step % PLAIN_EVERY === 0;
      if (err.isTTY) err.write(`\r${describeStep(step)}\x1b[K${isLine ? '\n' : ''}`);
      else if (isLine) err.write(`${describeStep(step)}\n`);
    },
  });
  // What was learned is saved before the program ends.
  const takeBack = onInterrupt(async () => void (await running.catch(() => undefined)));
  const result = await running.finally(takeBack);
  if (flags.json === true) {
    const { history: _history, ...summary } = result;
    process.stdout.write(`${JSON.stringify(summary)}\n`);
  } else process.stdout.write(described(result, config.text));
}

function described(
  { folder, steps, nStep, loss, heldOutLoss, temperature }: TowerResult,
  text: string,
): string {
  const held = heldOutLoss === null ? '' : `, held out ${heldOutLoss.toFixed(4)}`;
  return (
    `${steps} of ${nStep} steps, loss ${loss.toFixed(4)}${held}, temperature ${temperature.toFixed(4)}: ${folder}\n` +
    `next      thimble eval space FILES --tower ${folder} --held-out FILE\n` +
    `          thimble adapter add ${text}:NAME ${folder}\n`
  );
}

function describeStep({ step, nStep, loss, heldOutLoss, gflops }: TrainingStep): string {
  const held = heldOutLoss === null ? '' : `, held out ${heldOutLoss.toFixed(4)}`;
  return `step ${step}/${nStep}  loss ${loss.toFixed(4)}${held}  ${gflops.toFixed(1)} GFLOP/s`;
}
