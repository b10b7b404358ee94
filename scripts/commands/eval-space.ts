/** `thimble eval space`. */
import process from 'node:process';
import type { Command } from 'commander';
import { formatEstimate } from '../eval/intervals.ts';
import {
  DEPTHS,
  measureSpace,
  type Recalls,
  type SpaceReport,
  type SpaceScores,
} from '../finetune/tower/evaluate.ts';
import { readCaptioned, readHashes } from '../finetune/tower/tower-data.ts';
import { interruptSignal } from '../lib/interrupt.ts';
import { ProgressLine } from '../lib/progress.ts';
import { loadSpace, SPACE_FOLDER, SPACE_TEXT_ID } from './load-space.ts';

export const SPACE_EXAMPLES = `
Examples:
  thimble eval space photos/captions.jsonl --held-out assets/space/held-out.txt
  thimble eval space photos/ --tower trained/photos --json
`;

interface SpaceFlags {
  readonly tower: string;
  readonly model: string;
  readonly heldOut?: string;
  readonly json?: boolean;
}

export function addSpaceCommand(command: Command): void {
  command
    .command('space <files...>')
    .description(
      'How often a caption finds its picture among all of them by an image tower, and a picture its caption; beside the names ' +
        "of the encoder's classes, and chance.",
    )
    .option('--tower <folder>', 'an image tower', SPACE_FOLDER)
    .option('-m, --model <id>', 'the embedding model that it was trained for', SPACE_TEXT_ID)
    .option('--held-out <file>', 'ask about these pictures only: SHA-256 of files, one a line')
    .option('--json', 'print one JSON object')
    .addHelpText('after', SPACE_EXAMPLES)
    .action(runSpace);
}

async function runSpace(files: readonly string[], flags: SpaceFlags): Promise<void> {
  const { model, heldOut, json = false } = flags;
  const all = await readCaptioned(files);
  const held = heldOut === undefined ? null : await readHashes(heldOut);
  const pictures = held === null ? all : all.filter(({ sha256 }) => held.has(sha256));
  if (held !== null && pictures.length < held.size)
    process.stderr.write(`eval: ${held.size - pictures.length} pictures of the list are missing\n`);
  const space = await loadSpace(flags.tower, model);
  const { encoder } = space.tower.facts;
  const progress = new ProgressLine('looking: ');
  const report = await measureSpace(pictures, space, {
    signal: interruptSignal,
    onPicture: (done, total) => progress.update({ done, total, unit: 'items' }),
  });
  progress.finish('done');
  process.stdout.write(
    json ? `${JSON.stringify({ model, encoder, ...report })}\n` : described(report),
  );
}

function described({ nPicture, tower, labels, groups, chance }: SpaceReport): string {
  const line = (name: string, { textToImage, imageToText }: SpaceScores): string =>
    `${name.padEnd(16)}text to picture ${shown(textToImage)}; picture to text ${shown(imageToText)}\n`;
  const byChance = DEPTHS.map((depth) => `@${depth} ${chance[depth].toFixed(3)}`).join('  ');
  return (
    `${nPicture} pictures, each with its first caption\n` +
    line('tower', tower) +
    line('names of classes', labels) +
    groups
      .map(
        ({ group, nCaption, textToImage }) =>
          `captions that name ${group}, ${nCaption}: text to picture ${shown(textToImage)}\n`,
      )
      .join('') +
    `by chance       ${byChance}\n`
  );
}

function shown(recalls: Recalls): string {
  return DEPTHS.map((depth) => `@${depth} ${formatEstimate(recalls[depth])}`).join('  ');
}
