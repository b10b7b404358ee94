/** How often an image encoder's labels are those of people: top-1 and top-5 over labelled pictures. */
import { readFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { EngineError } from '../../engine/base/errors.ts';
import { decodePicture } from '../../engine/vision/decode-picture.ts';
import { resize } from '../../engine/vision/resize.ts';
import type { LocalImageEncoder } from '../node-host/image-encoder.ts';
import { share } from './intervals.ts';
import type { Estimate } from './intervals.ts';

const TOP = 5;

/** A line of the list: a picture beside the list, and the number of its class. */
const row = z.object({ image: z.string().min(1), class_index: z.number().int().nonnegative() });
export type LabelledImage = z.output<typeof row>;

export interface LabelReport {
  readonly nImage: number;
  readonly top1: Estimate;
  readonly top5: Estimate;
  /** Median milliseconds from pixels of the model's size to scores. */
  readonly ms: number;
}

/** @throws {EngineError} E_USAGE naming the line at fault */
export async function readLabelledImages(path: string): Promise<LabelledImage[]> {
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new EngineError('E_USAGE', `eval: ${path} cannot be read. Give a JSONL file.`, { cause });
  });
  const lines = text.split('\n').filter((line) => line.trim() !== '');
  return lines.map((line, i) => {
    try {
      return row.parse(JSON.parse(line));
    } catch (cause) {
      throw new EngineError(
        'E_USAGE',
        `eval: ${path}: line ${i + 1}; expected {"image": "a.jpg", "class_index": 3}. Correct it.`,
        { cause },
      );
    }
  });
}

/** @param path of the list, beside which the pictures lie */
export async function measureLabels(
  { engine, manifest }: LocalImageEncoder,
  path: string,
  images: readonly LabelledImage[],
  onImage: (nDone: number) => void,
): Promise<LabelReport> {
  const { side } = manifest.config;
  let [nFirst, nTop] = [0, 0];
  const times: number[] = [];
  for (const [i, { image, class_index: wanted }] of images.entries()) {
    const bytes = await readFile(join(dirname(path), image));
    const { rgb } = resize(decodePicture(bytes), side, side, 'cubic');
    const startedAt = performance.now();
    const { scores } = await engine.see(rgb);
    times.push(performance.now() - startedAt);
    const better = scores.filter((score) => score > (scores[wanted] ?? -Infinity)).length;
    if (better === 0) nFirst++;
    if (better < TOP) nTop++;
    onImage(i + 1);
  }
  const ms = times.toSorted((a, b) => a - b)[Math.floor(times.length / 2)] ?? 0;
  const n = images.length;
  return { nImage: n, top1: share(nFirst, n), top5: share(nTop, n), ms };
}
