/** Pictures with texts as examples: an example is a picture with some of its texts. */
import { createHash } from 'node:crypto';
import { EngineError } from '../../../engine/base/errors.ts';
import type { DecoderManifest, VisionManifest } from '../../../engine/manifest/manifest.ts';
import { N_CONSTANT } from '../../../engine/train/eyes.ts';
import { f16ToF32 } from '../../../engine/quant/half.ts';
import { chooseSentinel } from '../../../engine/text/sentinel.ts';
import type { Tokenizer } from '../../../engine/text/tokenizer.ts';
import { hashBytes } from '../../lib/hash-file.ts';
import type { LocalImageEncoder } from '../../node-host/image-encoder.ts';
import type { FinetuneConfig, PicturesConfig } from '../config.ts';
import type { Dataset } from '../dataset.ts';
import { type EncodedText, type Example, joinParts, type Mark, RowEncoder } from '../encode.ts';
import { type PictureVectors, rowsOf } from '../pack.ts';
import {
  type ChannelScale,
  channelScale,
  type FeatureOptions,
  readFeatures,
  type Features,
  readPicture,
} from './features.ts';
import { eyeMarkers, type EyeMarkers } from './markers.ts';
import { type PictureRow, type PictureText, readPictureRows, TRAIN_SPLIT } from './rows.ts';

/** A picture with all that is said of it. */
export interface SaidPicture {
  readonly path: string;
  /** Of its file. */
  readonly sha256: string;
  readonly texts: readonly PictureText[];
  /** Line of its first row, for errors. */
  readonly line: number;
}

/** Everything about pictures that a training needs. */
export interface PictureSet extends PictureVectors {
  readonly pictures: readonly SaidPicture[];
  readonly features: Features;
  readonly scale: ChannelScale;
  readonly markers: EyeMarkers;
  /** What their vectors are made by. */
  readonly encoder: VisionManifest;
  /** Tokens that every text begins with, up to its picture. */
  readonly opening: readonly number[];
  /** Of the pictures, those that are learned from. */
  readonly trained: readonly number[];
}

export interface PictureDataset extends Dataset {
  readonly set: PictureSet;
}

/** Texts of a picture in an example. */
const TEXTS_EACH = 3;
/** Examples of pictures held out whose loss is measured on the way: they take time from what is learned. */
const MAX_MEASURED = 32;
/** A SHA-256's first bytes as a number decide what is held out. */
const HASH_DIGITS = 8;

/**
 * Whether a picture is held out: a part of all pictures by the content of their files, so that the same ones are in every
 * training and every measurement.
 */
export function isHeldOut(sha256: string, share: number): boolean {
  return parseInt(sha256.slice(0, HASH_DIGITS), 16) < share * 16 ** HASH_DIGITS;
}

/** What is asked about: a part of the data, or by null the share of the pictures that trainings hold out. */
export interface AskedPart {
  readonly heldOut: number;
  readonly split: string | null;
}

/** Pictures that trainings learn from, and those that are asked about, in an order that says nothing of what they show. */
export async function dividePictures(
  rows: readonly PictureRow[],
  { heldOut, split }: AskedPart,
): Promise<{ readonly known: readonly SaidPicture[]; readonly asked: readonly SaidPicture[] }> {
  const isTrained = (row: PictureRow): boolean => row.split === null || row.split === TRAIN_SPLIT;
  const trained = await readPictures(rows.filter(isTrained));
  const isHeld = ({ sha256 }: SaidPicture): boolean => isHeldOut(sha256, heldOut);
  const [known, asked] =
    split === null
      ? [trained.filter((one) => !isHeld(one)), trained.filter(isHeld)]
      : [trained, await readPictures(rows.filter((row) => row.split === split))];
  return { known, asked: inHashOrder(asked) };
}

/** In an order that says nothing of what they show. */
function inHashOrder(pictures: readonly SaidPicture[]): SaidPicture[] {
  return pictures.toSorted((a, b) => (a.sha256 < b.sha256 ? -1 : 1));
}

/** Rows of the same picture, by the content of its file, in the order of their first. */
export async function readPictures(rows: readonly PictureRow[]): Promise<SaidPicture[]> {
  const hashes = new Map<string, string>();
  const found = new Map<string, SaidPicture>();
  for (const { image, texts, line } of rows) {
    const sha256 = hashes.get(image) ?? hashBytes(await readPicture(image));
    hashes.set(image, sha256);
    const before = found.get(sha256);
    const all = [...(before?.texts ?? []), ...texts];
    found.set(sha256, { path: image, line, ...before, sha256, texts: all });
  }
  return [...found.values()];
}

/**
 * @throws {EngineError} E_USAGE for rows, pictures and a tokenizer that do not serve; as `readFeatures`
 */
export async function readPictureDataset(
  { maxTokens: wanted, heldOut: share }: FinetuneConfig,
  { files, grid }: PicturesConfig,
  manifest: Pick<DecoderManifest, 'chatTemplate' | 'tokenizer' | 'config'>,
  tokenizer: Tokenizer,
  encoder: LocalImageEncoder,
  options: Omit<FeatureOptions, 'grid'>,
): Promise<PictureDataset> {
  const rows = (await readPictureRows(files)).filter(
    ({ split }) => split === null || split === TRAIN_SPLIT,
  );
  if (rows.length === 0)
    throw new EngineError(
      'E_USAGE',
      `images: ${files.join(', ')}: all rows belong to a "split" other than "${TRAIN_SPLIT}". Give rows to learn from.`,
      { param: 'images' },
    );
  const pictures = await readPictures(rows);
  const features = await readFeatures(pictures, encoder, { ...options, grid });
  const markers = eyeMarkers(tokenizer, manifest.chatTemplate);
  const maxTokens = Math.min(wanted, manifest.config.nCtx - grid * grid);
  const encoded = encodePictures(pictures, { manifest, tokenizer, markers, maxTokens });
  const nPosition = grid * grid;
  const all = encoded.flat();
  const opening = sharedOpening(all.map(({ text }) => text));
  const groups = encoded.map((texts, index) =>
    texts
      .filter(({ text }) => text.learned.includes(1))
      .map(({ text }) => withPicture(text, index, nPosition, opening.length)),
  );
  const examplesOf = (index: number): Example[] => {
    const texts = groups[index]!;
    const { line } = pictures[index]!;
    return Array.from({ length: Math.ceil(texts.length / TEXTS_EACH) }, (_, i) => {
      const some = texts.slice(i * TEXTS_EACH, (i + 1) * TEXTS_EACH);
      return { line, texts: some, nShared: sharedTokens(some), prompt: [] };
    });
  };
  const indices = pictures.map((_, index) => index);
  const isHeld = (index: number): boolean => isHeldOut(pictures[index]!.sha256, share);
  const trained = indices.filter((index) => !isHeld(index));
  const train = trained.flatMap(examplesOf);
  const held = indices.filter(isHeld).flatMap(examplesOf);
  if (train.length === 0)
    throw new EngineError(
      'E_USAGE',
      `images: no text has anything to learn within ${maxTokens} tokens. Shorten them, or give a larger --max-tokens.`,
      { param: 'images' },
    );
  const { nFeature } = encoder.manifest.config;
  const scale = channelScale(
    trained.map((index) => features.get(pictures[index]!.sha256)!),
    nFeature,
  );
  const texts = train.flatMap((example) => example.texts);
  return {
    ...{ form: 'pictures' as const, train, heldOut: held.slice(0, MAX_MEASURED) },
    ...{ nRow: all.length, maxTokens, invocation: null },
    nCut: all.filter(({ isCut }) => isCut).length,
    nSkipped: all.filter(({ text }) => !text.learned.includes(1)).length,
    nToken: train.reduce((sum, example) => sum + rowsOf(example), 0),
    nLearned: texts.reduce((sum, { learned }) => sum + learned.reduce((a, b) => a + b, 0), 0),
    sha256: digestOf(pictures),
    set: {
      ...{ pictures, features, scale, markers, opening, trained, nPosition },
      encoder: encoder.manifest,
      vectorsOf: (index) => standardised(features.get(pictures[index]!.sha256)!, scale),
    },
  };
}

/** A digest of all pictures and all that is said of them. */
function digestOf(pictures: readonly SaidPicture[]): string {
  const hash = createHash('sha256');
  for (const { sha256, texts } of pictures) hash.update(JSON.stringify([sha256, texts]));
  return hash.digest('hex');
}

interface EncodedPictureText {
  /** Ends before its picture's vectors are put in. */
  readonly text: EncodedText;
  readonly isCut: boolean;
}

export interface EncodePictures {
  readonly manifest: Pick<DecoderManifest, 'chatTemplate' | 'tokenizer'>;
  readonly tokenizer: Tokenizer;
  readonly markers: EyeMarkers;
  readonly maxTokens: number;
}

/** The texts of every picture, each as a conversation whose question the picture stands before, as servers have it. */
function encodePictures(
  pictures: readonly SaidPicture[],
  { manifest, tokenizer, markers, maxTokens }: EncodePictures,
): EncodedPictureText[][] {
  const all = pictures.flatMap(({ texts }) => texts.flatMap((one) => [one.question, one.answer]));
  const mark: Mark = { character: chooseSentinel(all), literal: markers.literal };
  const encoder = new RowEncoder({ tokenizer, manifest }, mark);
  return pictures.map(({ texts, line }) =>
    texts.map(({ question, answer }) => {
      const messages = [
        { role: 'user' as const, content: `${mark.character}${question}` },
        { role: 'assistant' as const, content: answer },
      ];
      const [parts] = encoder.parts({ form: 'messages', messages }, line);
      const { isCut, ...text } = joinParts(parts!, { maxTokens, invocation: null }, line);
      const at = markerOf(text.tokens, markers);
      if (at < 0) throw noPicture(line);
      const nLearned = text.learned.reduce((a, b) => a + b, 0);
      return { isCut, text: { ...text, activeFrom: at + 1, weight: weightOf(nLearned) } };
    }),
  );
}

/**
 * How much each of a text's tokens counts: a text as much as the root of its length, so that answers of one word are learned
 * beside captions of twelve (square averaging, arXiv 2412.05271).
 */
const weightOf = (nLearned: number): number => 1 / Math.sqrt(Math.max(1, nLearned));

/** Where the first marker of a picture is, which the second follows. */
function markerOf(tokens: Uint32Array, { beginId, endId }: EyeMarkers): number {
  return tokens.findIndex((id, i) => id === beginId && tokens[i + 1] === endId);
}

function noPicture(line: number): EngineError {
  return new EngineError(
    'E_USAGE',
    `images: line ${line}: the model's chat template does not show the picture within --max-tokens. Give more tokens.`,
    { param: 'images' },
  );
}

/** Tokens that all texts begin with, up to their pictures. */
export function sharedOpening(texts: readonly EncodedText[]): number[] {
  const [first] = texts;
  let n = Math.min(...texts.map(({ activeFrom }) => activeFrom));
  for (const { tokens } of texts) {
    let same = 0;
    while (same < n && tokens[same] === first!.tokens[same]) same++;
    n = same;
  }
  return [...first!.tokens.subarray(0, n)];
}

/** Tokens that texts of one picture begin with, the picture among them; none of a text alone. */
export function sharedTokens(texts: readonly EncodedText[]): number {
  const [first, ...others] = texts;
  if (first === undefined || others.length === 0) return 0;
  // The row of the last token before what is learned has it as its target: each text keeps one of its own.
  let n = Math.min(...texts.map(({ learned }) => learned.indexOf(1) - 1));
  for (const { tokens } of others) {
    let same = 0;
    while (same < n && tokens[same] === first.tokens[same]) same++;
    n = same;
  }
  return n;
}

/** A text after its opening, with room for a picture's vectors. */
function withPicture(
  { tokens, learned, activeFrom, ...text }: EncodedText,
  index: number,
  nPosition: number,
  nOpening: number,
): EncodedText {
  const at = activeFrom - nOpening;
  const insert = <T extends Uint32Array | Uint8Array>(values: T, into: T): T => {
    into.set(values.subarray(nOpening, activeFrom));
    into.set(values.subarray(activeFrom), at + nPosition);
    return into;
  };
  const n = tokens.length - nOpening + nPosition;
  return {
    ...text,
    tokens: insert(tokens, new Uint32Array(n)),
    learned: insert(learned, new Uint8Array(n)),
    ...{ activeFrom: at, picture: { index, at } },
  };
}

/** Halves as values with mean 0 and deviation 1 by channel, each vector followed by its constants. */
export function standardised(halves: Uint16Array, { mean, deviation }: ChannelScale): Float32Array {
  const width = mean.length;
  const nVector = halves.length / width;
  const out = new Float32Array(nVector * (width + N_CONSTANT));
  for (let i = 0; i < nVector; i++) {
    const to = i * (width + N_CONSTANT);
    for (let c = 0; c < width; c++)
      out[to + c] = (f16ToF32(halves[i * width + c]!) - mean[c]!) / deviation[c]!;
    out[to + width] = 1;
  }
  return out;
}
