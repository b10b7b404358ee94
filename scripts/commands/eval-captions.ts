/** `thimble eval captions`. */
import { mkdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import type { Command } from 'commander';
import { formatEstimate } from '../eval/intervals.ts';
import {
  type Captioner,
  CAPTIONERS,
  type CaptionReport,
  measureCaptions,
} from '../finetune/pictures/evaluate.ts';
import { readPictureRows } from '../finetune/pictures/rows.ts';
import { parseCount } from '../lib/arguments.ts';
import { interruptSignal } from '../lib/interrupt.ts';
import { cacheDir } from '../lib/paths.ts';
import { ProgressLine } from '../lib/progress.ts';
import {
  addSeeingOptions,
  addSeeingResults,
  keepSeeingResults,
  openSeeing,
  type SeeingFlags,
} from './open-seeing.ts';

export const CAPTIONS_EXAMPLES = `
Examples:
  thimble eval captions photos/ --adapter eyes --held-out 0.1
  thimble eval captions captions.jsonl --adapter eyes --split test --out captions-said.jsonl
  thimble eval captions captions.jsonl --adapter eyes --split test --beams 3
`;

/** Candidates of a token that the engine tells. */
const MAX_BEAMS = 10;

interface CaptionsFlags extends SeeingFlags {
  readonly most: number;
  readonly beams: number;
  readonly features?: string;
}

export function addCaptionsCommand(command: Command): void {
  const captions = addSeeingOptions(command.command('captions <files...>'))
    .description(
      'CIDEr-D and BLEU-4 of what an adapter with eyes says of pictures, beside its captions on other pictures, those of ' +
        'the nearest pictures, and one caption for all.',
    )
    .option('--most <n>', 'pictures to ask about', parseCount(1), 1000)
    .option('--beams <n>', 'captions kept side by side (1: greedy)', parseCount(1, MAX_BEAMS), 1)
    .option('--features <file>', 'keeps vectors of pictures (default: in the cache folder)');
  addSeeingResults(captions, 'picture').addHelpText('after', CAPTIONS_EXAMPLES).action(runCaptions);
}

async function runCaptions(files: readonly string[], flags: CaptionsFlags): Promise<void> {
  const { model, adapter: folder, heldOut, split = null, most, beams } = flags;
  const rows = await readPictureRows(files.map((file) => resolve(file)));
  const seeing = await openSeeing(model, folder);
  const file = resolve(flags.features ?? join(cacheDir(), 'picture-features.bin'));
  await mkdir(dirname(file), { recursive: true });
  const progress = new ProgressLine('describing: ');
  const found = await measureCaptions(seeing, rows, {
    ...{ file, heldOut, split, most, beams, signal: interruptSignal },
    onPicture: (done, total) => progress.update({ done, total, unit: 'items', note: 'looking' }),
    onCaption: (done, total) => progress.update({ done, total, unit: 'items' }),
  });
  progress.finish('done');
  seeing.close();
  await keepSeeingResults(
    flags,
    beams === 1 ? 'captions' : `captions, ${beams} beams`,
    rows,
    found,
  );
  const { report } = found;
  process.stdout.write(flags.json === true ? `${JSON.stringify(report)}\n` : describe(report));
}

const TITLES: Readonly<Record<Captioner, string>> = {
  adapter: 'the adapter',
  shuffled: 'its captions on other pictures',
  neighbours: 'the caption that the nearest pictures agree on',
  constant: 'one caption for all',
};

function describe({ nPicture, nKnown, scores, loss }: CaptionReport): string {
  const lines = CAPTIONERS.map((name) => {
    const { cider, bleu4 } = scores[name];
    return `  ${TITLES[name]}: CIDEr-D ${formatEstimate(cider, 1)}, BLEU-4 ${bleu4.toFixed(1)}`;
  });
  return `${nPicture} pictures, ${nKnown} others whose captions are known\n${lines.join('\n')}\nnats of a token of what people say: ${loss.own.toFixed(3)} with the picture, ${loss.shuffled.toFixed(3)} with another\n`;
}
