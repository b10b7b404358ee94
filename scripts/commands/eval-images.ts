/** `thimble eval images`. */
import process from 'node:process';
import type { Command } from 'commander';
import { formatEstimate } from '../eval/intervals.ts';
import { measureLabels, readLabelledImages } from '../eval/image-labels.ts';
import { ensureModel } from '../dev/prepare.ts';
import { ProgressLine } from '../lib/progress.ts';
import { loadLocalImageEncoder } from '../node-host/image-encoder.ts';
import { DEFAULT_IMAGE_ENCODER_ID } from '../pull/catalogue.ts';

export const IMAGES_EXAMPLES = `
Examples:
  thimble eval images labels.jsonl      (lines of {"image": "a.jpg", "class_index": 3}; pictures lie beside it)
  thimble eval images labels.jsonl -m efficientnet-lite0 --json
`;

interface ImagesFlags {
  readonly model: string;
  readonly json?: boolean;
}

export function addImagesCommand(command: Command): void {
  command
    .command('images <file>')
    .description(
      "Share of labelled pictures whose class is an image encoder's first, and among its first five.",
    )
    .option('-m, --model <id>', 'an image encoder', DEFAULT_IMAGE_ENCODER_ID)
    .option('--json', 'print one JSON object')
    .addHelpText('after', IMAGES_EXAMPLES)
    .action(runImages);
}

async function runImages(file: string, { model, json = false }: ImagesFlags): Promise<void> {
  const images = await readLabelledImages(file);
  await ensureModel(model);
  const encoder = await loadLocalImageEncoder(model);
  const progress = new ProgressLine('looking: ');
  const report = await measureLabels(encoder, file, images, (done) =>
    progress.update({ done, total: images.length, unit: 'items' }),
  );
  progress.finish('done');
  if (!json) {
    const { nImage, top1, top5, ms } = report;
    process.stdout.write(
      `${nImage} pictures: first ${formatEstimate(top1)}, among five ${formatEstimate(top5)}, ${ms.toFixed(1)} ms a picture\n`,
    );
  }
  process.stdout.write(`${JSON.stringify({ model, ...report })}\n`);
}
