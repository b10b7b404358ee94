/**
 * Agreement of texts with pictures: the cosine of both in one space. A cosine alone says little, so that texts are compared
 * with the pictures of other rows, too: how much less they agree with one, and how often the own picture is first of many.
 */
import { encode } from 'fast-png';
import { toBase64 } from '../../../engine/base/base64.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import type { Picture } from '../../../engine/vision/picture.ts';
import { fittedSize } from '../../../engine/vision/picture.ts';
import { resize } from '../../../engine/vision/resize.ts';
import { dot } from '../../../worker/serving/embedding/dot.ts';
import { formatEstimate, meanOf } from '../../eval/intervals.ts';
import { SeededRandom } from '../../lib/seeded-random.ts';
import { shuffled } from '../../lib/shuffled.ts';
import { percent } from '../audit/shown.ts';
import { openPicture } from '../media/files.ts';
import { escaped } from '../output/page.ts';
import type { Section } from '../output/section.ts';
import type { Problems } from '../problems.ts';
import type { Outcome } from '../rewrite.ts';
import { provenanceOf } from '../row.ts';
import type { DataRow, Media } from '../row.ts';

/** Field of a row with its agreement. */
export const AGREEMENT_FIELD = 'agreement';
/** Pictures that a text is compared with, its own among them. */
const MAX_CANDIDATES = 50;
/** Rows whose vectors are kept to be compared with those of others: 3 kB each. */
const MAX_COMPARED = 2000;
/** Pairs that the report shows, and the longest side of their pictures in pixels. */
const MAX_WORST = 30;
const THUMBNAIL_SIDE = 96;
/** Width of a bar. */
const BAR = 0.05;
/** Digits of an agreement in a row. */
const DIGITS = 4;
const QUANTILES = [
  ['least', 0],
  ['5 %', 0.05],
  ['25 %', 0.25],
  ['median', 0.5],
  ['75 %', 0.75],
  ['95 %', 0.95],
  ['most', 1],
] as const;

/** A text and a picture as vectors of length one. */
export interface PairVectors {
  readonly text: Float32Array;
  readonly picture: Float32Array;
}
export type EmbedPair = (text: string, picture: Picture) => Promise<PairVectors>;

interface ComparedPair extends PairVectors {
  readonly path: string;
  readonly words: string;
}

interface WorstPair {
  readonly agreement: number;
  readonly at: string;
  readonly text: string;
  /** data: URL */
  readonly thumbnail: string;
}

export interface PictureOptions {
  readonly embed: EmbedPair;
  readonly minAgreement: number;
  readonly seed: number;
}

/** Keeps rows that agree at least so much, with their agreement. */
export class PictureAgreement {
  readonly #options: PictureOptions;
  readonly #random: SeededRandom;
  readonly #agreements: number[] = [];
  /** Drawn of all rows: each is as likely to be in it. */
  readonly #sample: ComparedPair[] = [];
  readonly #worst: WorstPair[] = [];

  constructor(options: PictureOptions) {
    this.#options = options;
    this.#random = new SeededRandom(options.seed);
  }

  async decide(row: DataRow & { readonly media: Media }, problems: Problems): Promise<Outcome> {
    const { embed, minAgreement } = this.#options;
    const { media, text, file, line } = row;
    const picture = await openPicture(media.path).catch((error: unknown) => {
      if (!(error instanceof EngineError) || error.code !== 'E_IMAGE_INVALID') throw error;
      const [problem, fix] = ['cannot be seen', 'Save the picture again as PNG or JPEG.'];
      problems.add({ file, line, field: 'image', value: error.message, problem, fix });
      return null;
    });
    if (picture === null) return { dropped: 'cannot be seen' };
    const pair = await embed(text, picture.picture);
    const agreement = dot(pair.text, pair.picture);
    this.#agreements.push(agreement);
    this.#keep({ ...pair, path: media.path, words: text });
    this.#keepWorst(agreement, row, picture.picture);
    if (agreement < minAgreement) return { dropped: `agreement below ${minAgreement}` };
    return { fields: { ...row.fields, [AGREEMENT_FIELD]: Number(agreement.toFixed(DIGITS)) } };
  }

  /** None where no row named a picture. */
  sections(): Section[] {
    if (this.#agreements.length === 0) return [];
    return [
      agreementSection(this.#agreements),
      ...comparisonSections(compareWithOthers(this.#sample, this.#options.seed)),
      worstSection(this.#worst),
    ];
  }

  #keep(pair: ComparedPair): void {
    if (this.#sample.length < MAX_COMPARED) this.#sample.push(pair);
    else {
      const at = this.#random.integer(0, this.#agreements.length - 1);
      if (at < MAX_COMPARED) this.#sample[at] = pair;
    }
  }

  /** The worst ones, worst first. */
  #keepWorst(agreement: number, row: DataRow, picture: Picture): void {
    const found = this.#worst.findIndex((other) => other.agreement > agreement);
    const at = found < 0 ? this.#worst.length : found;
    if (at >= MAX_WORST) return;
    const shown = { at: provenanceOf(row), text: row.text, thumbnail: thumbnailOf(picture) };
    this.#worst.splice(at, 0, { agreement, ...shown });
    if (this.#worst.length > MAX_WORST) this.#worst.pop();
  }
}

function thumbnailOf(picture: Picture): string {
  const { width, height } = fittedSize(picture, THUMBNAIL_SIDE);
  const { rgb } = resize(picture, width, height);
  const png = encode({ width, height, channels: 3, depth: 8, data: rgb });
  return `data:image/png;base64,${toBase64(png)}`;
}

export interface Comparison {
  /** Of each row: how much its text agrees with its picture, and with that of another row. */
  readonly pairs: readonly { readonly own: number; readonly other: number }[];
  /** Rows whose own picture is before those of `nCandidate - 1` others. */
  readonly nFirst: number;
  readonly nCandidate: number;
}

/**
 * Each text beside pictures of other rows that are drawn by a seed; rows of the same file or the same words are none of them.
 * A picture as near as the own one counts as before it. Rows that have fewer others than most are left out.
 */
export function compareWithOthers(sample: readonly ComparedPair[], seed: number): Comparison {
  const random = new SeededRandom(seed);
  const nOther = Math.min(MAX_CANDIDATES, sample.length) - 1;
  const pairs: { own: number; other: number }[] = [];
  let nFirst = 0;
  for (const { text, picture, path, words } of sample) {
    const others = shuffled(random, sample)
      .filter((one) => one.path !== path && one.words !== words)
      .slice(0, nOther)
      .map((one) => dot(text, one.picture));
    const [other] = others;
    if (other === undefined || others.length < nOther) continue;
    const own = dot(text, picture);
    pairs.push({ own, other });
    if (others.every((one) => one < own)) nFirst++;
  }
  return { pairs, nFirst, nCandidate: nOther + 1 };
}

function quantilesOf(values: readonly number[]): string[] {
  const sorted = values.toSorted((a, b) => a - b);
  return QUANTILES.map(([, part]) => shown(sorted[Math.round(part * (sorted.length - 1))] ?? NaN));
}

const shown = (agreement: number): string => agreement.toFixed(3);

function lineOf(name: string, values: readonly number[]): string[] {
  return [name, formatEstimate(meanOf(values)), ...quantilesOf(values)];
}

const HEAD = ['', 'mean', ...QUANTILES.map(([name]) => name)];
const NUMBERS = HEAD.map((_, i) => i).slice(1);

function agreementSection(agreements: readonly number[]): Section {
  return {
    title: 'Agreement of texts with pictures',
    note: 'cosines, -1 to 1: compare them with those of other pictures below, not with those of another model',
    head: HEAD,
    rows: [lineOf(`${agreements.length} rows`, agreements)],
    numbers: NUMBERS,
    bars: barsOf(agreements),
  };
}

function comparisonSections({ pairs, nFirst, nCandidate }: Comparison): Section[] {
  if (pairs.length === 0) return [];
  const others = pairs.map(({ other }) => other);
  const chance = (100 / nCandidate).toFixed(2);
  return [
    {
      title: 'The same texts with pictures of other rows',
      note: `${pairs.length} rows, drawn by a seed; the difference is that of each row`,
      head: HEAD,
      rows: [
        lineOf(
          'own picture',
          pairs.map(({ own }) => own),
        ),
        lineOf('that of another row', others),
        lineOf(
          'difference',
          pairs.map(({ own, other }) => own - other),
        ),
      ],
      numbers: NUMBERS,
      bars: barsOf(others),
    },
    {
      title: 'How often the own picture comes first',
      rows: [
        [`first of ${nCandidate}`, percent(nFirst, pairs.length)],
        ['by chance', `${chance} %`],
      ],
      numbers: [1],
    },
  ];
}

function barsOf(values: readonly number[]): NonNullable<Section['bars']> {
  const counts = new Map<number, number>();
  for (const value of values) {
    const bar = Math.floor(value / BAR);
    counts.set(bar, (counts.get(bar) ?? 0) + 1);
  }
  const [first, last] = [Math.min(...counts.keys()), Math.max(...counts.keys())];
  return Array.from({ length: last - first + 1 }, (_, i) => ({
    label: `${(BAR * (first + i)).toFixed(2)} to ${(BAR * (first + i + 1)).toFixed(2)}`,
    count: counts.get(first + i) ?? 0,
  }));
}

function worstSection(worst: readonly WorstPair[]): Section {
  return {
    title: 'Pictures that agree least',
    note: `at most ${MAX_WORST}`,
    head: ['agreement', 'row', 'text'],
    rows: worst.map(({ agreement, at, text }) => [shown(agreement), at, text]),
    numbers: [0],
    extra: worst
      .map(
        ({ agreement, at, text, thumbnail }) =>
          `<div class="pair"><p>${shown(agreement)}: ${escaped(at)}</p><img src="${thumbnail}" alt=""><pre>${escaped(text)}</pre></div>`,
      )
      .join('\n'),
  };
}
