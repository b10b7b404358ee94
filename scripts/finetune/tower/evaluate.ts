/** How often the caption of a picture finds it among others, and a picture its caption, beside what knows less. */
import { readFile } from 'node:fs/promises';
import { EngineError, throwIfAborted } from '../../../engine/base/errors.ts';
import { namedGroups } from '../../../engine/data/groups.ts';
import { toLengthOne } from '../../../engine/model/encoder/pooling.ts';
import { decodePicture } from '../../../engine/vision/decode-picture.ts';
import { dot } from '../../../worker/serving/embedding/dot.ts';
import { type Estimate, share } from '../../eval/intervals.ts';
import {
  embedPicture,
  embedTexts,
  type JointSpace,
  squareOf,
} from '../../node-host/joint-space.ts';
import type { SaidPicture } from '../pictures/dataset.ts';

/** How far down a list an answer may stand. */
export const DEPTHS = [1, 5, 10] as const;
export type Depth = (typeof DEPTHS)[number];

/** Shares of questions whose answer is among the first so many. */
export type Recalls = Readonly<Record<Depth, Estimate>>;

export interface SpaceScores {
  /** A caption is asked, pictures are ranked. */
  readonly textToImage: Recalls;
  readonly imageToText: Recalls;
}

export interface SpaceReport {
  readonly nPicture: number;
  readonly tower: SpaceScores;
  /** The names of the classes that the encoder was trained for, by how likely each is: nothing was learned. */
  readonly labels: SpaceScores;
  /** Captions that name groups of people, of which there are enough: how often they find their pictures among all. */
  readonly groups: readonly {
    readonly group: string;
    readonly nCaption: number;
    readonly textToImage: Recalls;
  }[];
  /** By chance. */
  readonly chance: Readonly<Record<Depth, number>>;
}

export interface EvaluateOptions {
  readonly signal: AbortSignal;
  readonly onPicture: (nDone: number, nPicture: number) => void;
}

/** Captions of a group that a share says something of. */
const MIN_OF_GROUP = 10;

/**
 * Each picture with its first caption, all of them compared with each other.
 * @throws {EngineError} E_USAGE for fewer than two pictures; E_IMAGE_INVALID, E_ABORTED
 */
export async function measureSpace(
  pictures: readonly SaidPicture[],
  space: JointSpace,
  { signal, onPicture }: EvaluateOptions,
): Promise<SpaceReport> {
  if (pictures.length < 2)
    throw new EngineError('E_USAGE', `eval: ${pictures.length} pictures; expected 2 or more.`);
  const { text, encoder } = space;
  const names = await embedTexts(text, encoder.manifest.config.labels, signal);
  const seen: Float32Array[] = [];
  const named: Float32Array[] = [];
  for (const [i, { path }] of pictures.entries()) {
    throwIfAborted(signal, 'eval: cut off while pictures were looked at');
    const rgb = squareOf(decodePicture(new Uint8Array(await readFile(path))), encoder);
    seen.push(await embedPicture(space, rgb));
    named.push(meanByScore((await encoder.engine.see(rgb)).scores, names));
    onPicture(i + 1, pictures.length);
  }
  const said = pictures.map(({ texts }) => texts[0]!.answer);
  const captions = await embedTexts(text, said, signal);
  const n = pictures.length;
  const ranks = ranksOf(captions, seen);
  return {
    nPicture: n,
    tower: { textToImage: recallsAt(ranks), imageToText: recallsOf(seen, captions) },
    labels: scoresOf(captions, named),
    groups: groupsOf(said, ranks),
    chance: each((depth) => Math.min(1, depth / n)),
  };
}

/** Mean of names' vectors by the probabilities of their classes, of length one. */
function meanByScore(scores: Float32Array, names: readonly Float32Array[]): Float32Array {
  const top = scores.reduce((a, b) => Math.max(a, b), -Infinity);
  const sum = new Float32Array(names[0]!.length);
  for (const [i, name] of names.entries()) {
    const weight = Math.exp(scores[i]! - top);
    for (const [c, value] of name.entries()) sum[c]! += weight * value;
  }
  return toLengthOne(sum);
}

function scoresOf(texts: readonly Float32Array[], images: readonly Float32Array[]): SpaceScores {
  return { textToImage: recallsOf(texts, images), imageToText: recallsOf(images, texts) };
}

/** Of questions whose answer has the same index. An answer as near as a wrong one counts as behind it. */
export function recallsOf(
  questions: readonly Float32Array[],
  answers: readonly Float32Array[],
): Recalls {
  return recallsAt(ranksOf(questions, answers));
}

/** How many wrong answers stand before the right one. */
function ranksOf(
  questions: readonly Float32Array[],
  answers: readonly Float32Array[],
): readonly number[] {
  return questions.map((question, i) => {
    const own = dot(question, answers[i]!);
    return answers.filter((answer, j) => j !== i && dot(question, answer) >= own).length;
  });
}

const recallsAt = (ranks: readonly number[]): Recalls =>
  each((depth) => share(ranks.filter((rank) => rank < depth).length, ranks.length));

function groupsOf(captions: readonly string[], ranks: readonly number[]): SpaceReport['groups'] {
  const named = captions.flatMap((caption, i) =>
    namedGroups(caption).map((group) => ({ group, rank: ranks[i]! })),
  );
  return [...Map.groupBy(named, ({ group }) => group)]
    .filter(([, { length }]) => length >= MIN_OF_GROUP)
    .map(([group, some]) => ({
      ...{ group, nCaption: some.length },
      textToImage: recallsAt(some.map(({ rank }) => rank)),
    }));
}

function each<T>(of: (depth: Depth) => T): Readonly<Record<Depth, T>> {
  return Object.fromEntries(DEPTHS.map((depth) => [depth, of(depth)])) as Record<Depth, T>;
}
