/** How good an adapter's captions are, beside what knows less: neighbours' captions, one caption for all, those of others. */
import { EngineError } from '../../../engine/base/errors.ts';
import { bleu4 } from '../../eval/captions/bleu.ts';
import { Cider } from '../../eval/captions/cider.ts';
import { captionWords } from '../../eval/captions/n-grams.ts';
import {
  consensusCaption,
  type KnownPicture,
  mostAgreed,
  unitVector,
} from '../../eval/captions/neighbours.ts';
import { type Estimate, meanOf } from '../../eval/intervals.ts';
import { dividePictures, type SaidPicture, standardised } from './dataset.ts';
import { channelScale, type FeatureOptions, readFeatures } from './features.ts';
import { CAPTION_QUESTIONS, captionRows, type PictureRow } from './rows.ts';
import type { RowsSegment, SeeingModel } from './seeing-model.ts';

/** What captions are by. */
export const CAPTIONERS = ['adapter', 'shuffled', 'neighbours', 'constant'] as const;
export type Captioner = (typeof CAPTIONERS)[number];

export interface CaptionScores {
  /** CIDEr-D times 100, as it is published. */
  readonly cider: Estimate;
  /** BLEU-4 times 100. */
  readonly bleu4: number;
}

export interface CaptionReport {
  readonly nPicture: number;
  /** Pictures whose captions neighbours were asked for. */
  readonly nKnown: number;
  readonly scores: Readonly<Record<Captioner, CaptionScores>>;
  /** Mean nats of a token of what people say, with the picture that it is said of, and with another. */
  readonly loss: { readonly own: number; readonly shuffled: number };
}

/** A caption, as it is told. */
export interface ToldCaption {
  readonly image: string;
  readonly references: readonly string[];
  readonly said: Readonly<Record<Captioner, string>>;
}

export interface CaptionOptions extends Omit<FeatureOptions, 'grid'> {
  /** Share of the pictures that is asked about; ignored where `split` is given. */
  readonly heldOut: number;
  /** Part of the data that is asked about; null for the pictures that trainings hold out. */
  readonly split: string | null;
  /** Pictures that are asked about at most. */
  readonly most: number;
  /** Captions that are kept side by side; 1 is greedy. */
  readonly beams: number;
  readonly onCaption: (nDone: number, nPicture: number) => void;
}

/** Generations at a time: they share the reading of the weights. */
const AT_ONCE = 4;
const PERCENT = 100;

/**
 * @param rows of captions; those of questions are left out
 * @throws {EngineError} E_USAGE without pictures to ask about, or without others whose captions are known; E_ABORTED
 */
export async function measureCaptions(
  model: SeeingModel,
  rows: readonly PictureRow[],
  options: CaptionOptions,
): Promise<{ readonly report: CaptionReport; readonly told: readonly ToldCaption[] }> {
  const { known, asked } = await divide(rows, options);
  const { grid } = model.eyes.facts;
  const pictures = [...known, ...asked];
  const features = await readFeatures(pictures, model.encoder, { ...options, grid });
  const halves = (one: SaidPicture): Uint16Array => features.get(one.sha256)!;
  const scale = channelScale(known.map(halves), model.eyes.facts.nFeature);
  const vectorOf = (one: SaidPicture): Float32Array =>
    unitVector(meanOfVectors(standardised(halves(one), scale), grid * grid));
  const neighbours: KnownPicture[] = known.map((one) => ({
    vector: vectorOf(one),
    captions: wordsOf(one),
  }));
  const rarity = new Cider(neighbours.map(({ captions }) => captions));
  const constant = mostAgreed(
    neighbours.flatMap(({ captions }) => captions.slice(0, 1)).slice(0, MAX_CONSTANTS),
    rarity,
  );
  const { said: own, loss } = await captionsOf(model, asked, options);
  const said: Readonly<Record<Captioner, readonly (readonly string[])[]>> = {
    adapter: own.map(captionWords),
    // Of the picture after: what is said of any picture scores as well as what is seen.
    shuffled: own.map((_, i) => captionWords(own[(i + 1) % own.length]!)),
    neighbours: asked.map((one) => consensusCaption(vectorOf(one), neighbours, rarity)),
    constant: asked.map(() => constant),
  };
  const references = asked.map(wordsOf);
  const cider = new Cider(references);
  const scoresOf = (captions: readonly (readonly string[])[]): CaptionScores => ({
    cider: meanOf(captions.map((words, i) => PERCENT * cider.score(words, references[i]!))),
    bleu4: PERCENT * bleu4(captions, references),
  });
  const scores = Object.fromEntries(
    CAPTIONERS.map((name) => [name, scoresOf(said[name])]),
  ) as Record<Captioner, CaptionScores>;
  const told = asked.map(({ path, texts }, i) => ({
    image: path,
    references: texts.map(({ answer }) => answer),
    said: {
      ...{ adapter: own[i]!, shuffled: own[(i + 1) % own.length]! },
      ...{ neighbours: said.neighbours[i]!.join(' '), constant: constant.join(' ') },
    },
  }));
  return { report: { nPicture: asked.length, nKnown: known.length, scores, loss }, told };
}

/** Captions among which the one for all is looked for: each is compared with all others. */
const MAX_CONSTANTS = 1000;

const wordsOf = ({ texts }: SaidPicture): string[][] =>
  texts.map(({ answer }) => captionWords(answer));

/** Pictures whose captions are known, and those that are asked about. */
async function divide(
  rows: readonly PictureRow[],
  { most, ...part }: CaptionOptions,
): Promise<{ readonly known: readonly SaidPicture[]; readonly asked: readonly SaidPicture[] }> {
  const { known, asked } = await dividePictures(captionRows(rows), part);
  if (known.length > 0 && asked.length > 0) return { known, asked: asked.slice(0, most) };
  throw new EngineError(
    'E_USAGE',
    `eval: ${known.length} pictures with known captions and ${asked.length} to ask about; expected some of both. Give more captions, another --split, or a larger --held-out.`,
  );
}

/** What the adapter says of each picture, and how likely it finds what people say. */
async function captionsOf(
  model: SeeingModel,
  pictures: readonly SaidPicture[],
  { beams, signal, onCaption }: Pick<CaptionOptions, 'beams' | 'signal' | 'onCaption'>,
): Promise<{ readonly said: readonly string[]; readonly loss: CaptionReport['loss'] }> {
  const said: string[] = [];
  const seen: RowsSegment[] = [];
  const atOnce = beams === 1 ? AT_ONCE : 1;
  for (let at = 0; at < pictures.length; at += atOnce) {
    // Beams share the reading of the weights already.
    const part = pictures.slice(at, at + atOnce);
    const answers = part.map(async ({ path }, i) => {
      seen[at + i] = await model.look(path);
      const asked = [seen[at + i]!, CAPTION_QUESTIONS[0]] as const;
      return beams === 1
        ? await model.answer(...asked, signal)
        : await model.bestAnswer(...asked, beams, signal);
    });
    said.push(...(await Promise.all(answers)));
    onCaption(said.length, pictures.length);
  }
  const lossWith = async (offset: number): Promise<number> => {
    const all: number[] = [];
    for (const [i, { texts }] of pictures.entries()) {
      const text = { question: CAPTION_QUESTIONS[0], answer: texts[0]!.answer };
      all.push(...(await model.losses(seen[(i + offset) % seen.length]!, text, signal)));
    }
    return all.reduce((sum, one) => sum + one, 0) / all.length;
  };
  return { said, loss: { own: await lossWith(0), shuffled: await lossWith(1) } };
}

/** Mean of a picture's vectors. */
function meanOfVectors(values: Float32Array, nVector: number): Float32Array {
  const width = values.length / nVector;
  const mean = new Float32Array(width);
  for (const [i, value] of values.entries()) mean[i % width]! += value / nVector;
  return mean;
}
