/** Pictures with captions as pairs of vectors: what an image encoder sees, and what an embedding model makes of the words. */
import { join } from 'node:path';
import { EngineError } from '../../../engine/base/errors.ts';
import { f16ToF32 } from '../../../engine/quant/half.ts';
import { N_CONSTANT } from '../../../engine/train/eyes.ts';
import { SeededRandom } from '../../lib/seeded-random.ts';
import { shuffled } from '../../lib/shuffled.ts';
import type { LocalEncoder } from '../../node-host/encoder.ts';
import type { LocalImageEncoder } from '../../node-host/image-encoder.ts';
import { embedTexts } from '../../node-host/joint-space.ts';
import { readText } from '../../train/read-text.ts';
import { isHeldOut, readPictures, type SaidPicture } from '../pictures/dataset.ts';
import {
  type ChannelScale,
  channelScale,
  readFeatures,
  type Features,
} from '../pictures/features.ts';
import { captionRows, readPictureRows, TRAIN_SPLIT } from '../pictures/rows.ts';
import type { TowerConfig } from './config.ts';

/** A picture and one of its captions. */
export interface TowerPair {
  /** Of `features`. */
  readonly sha256: string;
  /** Of `texts`. */
  readonly text: number;
}

export interface TowerData {
  readonly train: readonly TowerPair[];
  /** Of pictures that only losses are measured on. */
  readonly validation: readonly TowerPair[];
  readonly nPicture: number;
  /** Captions that were left out, since a picture that is held out has them, too. */
  readonly nSharedCaption: number;
  /** Features of each view. */
  readonly views: readonly Features[];
  readonly scale: ChannelScale;
  /** Vectors of captions. */
  readonly texts: readonly Float32Array[];
}

const HASH_LINE = /^[0-9a-f]{64}$/;
/** So that what a step leaves out is drawn otherwise than its pairs. */
const DROPOUT_SALT = 0x0d0_9;

export interface TowerDataOptions {
  /** Keeps what was seen. */
  readonly folder: string;
  readonly signal: AbortSignal;
  readonly onPicture: (nDone: number, nPicture: number) => void;
}

/** Hashes of files, a line each. @throws {EngineError} E_USAGE naming the line */
export async function readHashes(file: string): Promise<ReadonlySet<string>> {
  const lines = (await readText(file, 'data.heldOut')).split('\n');
  const found = new Set<string>();
  for (const [i, line] of lines.entries()) {
    const hash = line.trim();
    if (hash === '') continue;
    if (!HASH_LINE.test(hash))
      throw new EngineError(
        'E_USAGE',
        `${file}: line ${i + 1}: expected the SHA-256 of a picture's file in hex. Correct it.`,
      );
    found.add(hash);
  }
  return found;
}

/** Rows that say what a picture shows: questions about pictures are none. */
export async function readCaptioned(files: readonly string[]): Promise<SaidPicture[]> {
  const rows = captionRows(await readPictureRows(files));
  return await readPictures(rows.filter(({ split }) => split === null || split === TRAIN_SPLIT));
}

/** Captions that differ in nothing but their writing. */
export const plainCaption = (text: string): string =>
  text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}]+/gu, ' ')
    .trim();

/** @throws {EngineError} E_USAGE for rows and pictures that do not serve; as `readFeatures` */
export async function readTowerData(
  { data, training }: TowerConfig,
  encoder: LocalImageEncoder,
  text: LocalEncoder,
  { folder, signal, onPicture }: TowerDataOptions,
): Promise<TowerData> {
  const all = await readCaptioned(data.files);
  const held = data.heldOut === null ? new Set<string>() : await readHashes(data.heldOut);
  const known = new Set(
    all
      .filter(({ sha256 }) => held.has(sha256))
      .flatMap(({ texts }) => texts.map(({ answer }) => plainCaption(answer))),
  );
  const pictures = all.filter(({ sha256 }) => !held.has(sha256));
  const options = { grid: 1, signal, onPicture };
  const views = [
    await readFeatures(pictures, encoder, { ...options, file: join(folder, 'features.bin') }),
  ];
  if (data.mirrored)
    views.push(
      await readFeatures(pictures, encoder, {
        ...{ ...options, isMirrored: true, file: join(folder, 'features-mirrored.bin') },
      }),
    );
  const indices = new Map<string, number>();
  let nSharedCaption = 0;
  const pairsOf = (some: readonly SaidPicture[]): TowerPair[] =>
    some.flatMap(({ sha256, texts }) =>
      texts.flatMap(({ answer }) => {
        if (known.has(plainCaption(answer))) {
          nSharedCaption++;
          return [];
        }
        const index = indices.get(answer) ?? indices.size;
        indices.set(answer, index);
        return [{ sha256, text: index }];
      }),
    );
  const isValidation = ({ sha256 }: SaidPicture): boolean => isHeldOut(sha256, data.validation);
  const train = pairsOf(pictures.filter((one) => !isValidation(one)));
  const validation = pairsOf(pictures.filter(isValidation));
  if (train.length < training.pairs)
    throw new EngineError(
      'E_USAGE',
      `data.files: ${train.length} pairs to learn from; expected ${training.pairs} (training.pairs) or more. Add pictures, or take fewer a step.`,
    );
  const scale = channelScale(
    train.map(({ sha256 }) => views[0]!.get(sha256)!),
    encoder.manifest.config.nFeature,
  );
  const texts = await embedTexts(text, [...indices.keys()], signal);
  return {
    ...{ train, validation, nPicture: pictures.length, nSharedCaption, views, scale, texts },
  };
}

/**
 * Pairs of update `step`: all of them in another order each time they are seen. A caption that several pictures have stands
 * once in a step, since the others would count as wrong; what is left over at the end of an order is not seen in it.
 */
export function pairsOf(
  train: readonly TowerPair[],
  { seed, step, nPair }: { readonly seed: number; readonly step: number; readonly nPair: number },
): readonly TowerPair[] {
  const perEpoch = Math.max(1, Math.floor(train.length / nPair));
  const [epoch, at] = [Math.floor(step / perEpoch), step % perEpoch];
  const order = shuffled(new SeededRandom(seed + epoch), train);
  const first = order.slice(at * nPair);
  const taken: TowerPair[] = [];
  const seen = new Set<number>();
  for (const pair of [...first, ...order]) {
    if (taken.length === nPair) break;
    if (seen.has(pair.text)) continue;
    seen.add(pair.text);
    taken.push(pair);
  }
  return taken;
}

/** A step's vectors: of pictures standardised, with the constants that biases are; of texts as they are. */
export interface TowerBatch {
  /** [nPair, nFeature + N_CONSTANT] */
  readonly pictures: Float32Array;
  /** [nPair, nEmbd] */
  readonly texts: Float32Array;
}

export interface BatchOptions {
  /** Decides which view is seen and which values are left out; null for the first view as a whole. */
  readonly drawn: { readonly seed: number; readonly dropout: number } | null;
}

export function batchOf(
  pairs: readonly TowerPair[],
  { views, scale, texts }: Pick<TowerData, 'views' | 'scale' | 'texts'>,
  { drawn }: BatchOptions,
): TowerBatch {
  const random = drawn === null ? null : new SeededRandom(drawn.seed ^ DROPOUT_SALT);
  const nFeature = scale.mean.length;
  const nIn = nFeature + N_CONSTANT;
  const nEmbd = texts[0]!.length;
  const pictures = new Float32Array(pairs.length * nIn);
  const vectors = new Float32Array(pairs.length * nEmbd);
  for (const [i, { sha256, text }] of pairs.entries()) {
    const view = random === null ? views[0]! : views[random.integer(0, views.length - 1)]!;
    const row = pictures.subarray(i * nIn, (i + 1) * nIn);
    standardise(view.get(sha256)!, scale, row);
    if (random !== null && drawn !== null && drawn.dropout > 0)
      leaveOut(row.subarray(0, nFeature), random, drawn.dropout);
    row[nFeature] = 1;
    vectors.set(texts[text]!, i * nEmbd);
  }
  return { pictures, texts: vectors };
}

function standardise(halves: Uint16Array, { mean, deviation }: ChannelScale, row: Float32Array) {
  for (const [c, bits] of halves.entries()) row[c] = (f16ToF32(bits) - mean[c]!) / deviation[c]!;
}

/** Others count more, so that sums stay. */
function leaveOut(values: Float32Array, random: SeededRandom, part: number): void {
  for (let i = 0; i < values.length; i++)
    values[i] = random.next() < part ? 0 : values[i]! / (1 - part);
}
