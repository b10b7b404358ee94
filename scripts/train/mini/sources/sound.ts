/** Recordings with what is said in them; heard differently each time, so that voices are not learned by heart. */
import {
  type FrameStack,
  FrameVectors,
  frameValues,
  mostSamples,
} from '../../../../engine/audio/frame-vectors.ts';
import { HOP_SAMPLES } from '../../../../engine/audio/log-mel.ts';
import type { SeededRandom } from '../../../lib/seeded-random.ts';
import { spreadOver } from '../../../lib/spread.ts';
import { type Example, ExampleWriter, type Segment } from '../example.ts';
import type { Vocabulary } from '../vocabulary.ts';
import type { Source } from './source.ts';

/** Mono, SAMPLE_RATE. */
export interface Recording {
  readonly samples: Float32Array;
  readonly text: string;
  /** Who says it, where that is known. */
  readonly speaker?: string;
}

/** What is done to a recording before it is learned from. */
const CHANGES = {
  /** Decibels below the part with the most voice, at which ends are cut off. */
  quieter: [15, 45],
  /** Samples of silence before it. */
  delay: 800,
  /** Parts of the loudest that are added as noise, at most. */
  noise: 0.05,
  /** Times as loud, and with bands as high. */
  contrast: [0.8, 1.2],
  height: [0.92, 1.09],
  /** Bands and vectors that are left out, at most. */
  bands: 6,
  vectors: 3,
} as const;

/** How sounds are changed in time before they are learned from, in times as fast. */
export interface SoundTiming {
  /** Slower and lower, or faster and higher: other throats. */
  readonly speed: Range;
  /** Whatever the speed: throats and haste do not go together. */
  readonly pace: Range;
}
type Range = readonly [number, number];

const QUESTIONS = ['what do you hear?', 'what is said?', 'write down what you hear.'];

export function soundSource(
  name: string,
  {
    train,
    heldOut,
  }: { readonly train: readonly Recording[]; readonly heldOut: readonly Recording[] },
  options: {
    readonly vocabulary: Vocabulary;
    readonly stack: FrameStack;
    readonly nContext: number;
    /** Of an answer. */
    readonly weight: number;
    /** Of all labels of a sound of one word together. */
    readonly frames: number;
    readonly timing: SoundTiming;
    /** Part of the sounds that are learned from without their quiet ends. */
    readonly trimmed: number;
    readonly about: Source['about'];
  },
): Source {
  const { vocabulary, stack, nContext, weight, frames, timing, about } = options;
  const withoutEnds = (samples: Float32Array, random: SeededRandom): Float32Array =>
    options.trimmed > 0 && random.chance(options.trimmed)
      ? trimmed(samples, between(CHANGES.quieter, random))
      : samples;
  const vectors = new FrameVectors(stack);
  const write = (segment: Segment, question: string, { text, speaker }: Recording): Example =>
    new ExampleWriter(vocabulary)
      .question(
        question,
        { ...segment, labels: labelsOf(segment, vocabulary.encode(text)) },
        frames,
      )
      .answer(
        {
          ...{ kind: name, question, answer: text },
          ...(speaker === undefined ? {} : { group: speaker }),
        },
        weight,
      )
      .end(nContext);
  const segmentOf = (samples: Float32Array): Segment => {
    const values = vectors.of(samples.subarray(0, mostSamples(stack)));
    return { sense: 'audio', values, n: values.length / frameValues(stack) };
  };
  return {
    ...{ name, about },
    unbound: new Map([[name, majority(heldOut)]]),
    example(random) {
      const recording = train[random.integer(0, train.length - 1)]!;
      const samples = changed(withoutEnds(recording.samples, random), timing, random);
      const segment = warped(segmentOf(samples), stack, timing, random);
      leaveOut(segment, stack, random);
      return write(segment, QUESTIONS[random.integer(0, QUESTIONS.length - 1)]!, recording);
    },
    heldOut: (n) =>
      // Recordings are in the order of what is said.
      spreadOver(heldOut, n).map((recording) =>
        write(segmentOf(recording.samples), QUESTIONS[0]!, recording),
      ),
  };
}

/** Part of a word's sound after which it can be told. */
const TOLD_AFTER = 0.6;

/** The word that is said, where most of it was heard; sounds of more words are not cut into them. */
function labelsOf({ n }: Segment, ids: readonly number[]): Int32Array {
  const [id = -1] = ids;
  return new Int32Array(n).map((_, i) => (ids.length === 1 && i >= TOLD_AFTER * n ? id : -1));
}

function majority(recordings: readonly Recording[]): number {
  const counts = Map.groupBy(recordings, ({ text }) => text);
  return Math.max(0, ...[...counts.values()].map(({ length }) => length)) / recordings.length;
}

/** Share of a sample that a low pass of about 700 Hz at SAMPLE_RATE takes in. */
const LOW_PASS = 0.25;

/**
 * Without its ends that have no voice: recordings are trimmed by loudness, which takes the s of six, or the f of five,
 * from who says them softly.
 * @param quieter than the part with the most voice, in decibels
 */
export function trimmed(samples: Float32Array, quieter: number): Float32Array {
  const power = new Float64Array(Math.floor(samples.length / HOP_SAMPLES));
  let low = 0;
  for (const [i, value] of samples.entries()) {
    low += LOW_PASS * (value - low);
    const part = Math.floor(i / HOP_SAMPLES);
    if (part < power.length) power[part]! += low ** 2;
  }
  const least = Math.max(...power) * 10 ** (-quieter / 10);
  const first = power.findIndex((one) => one >= least);
  const last = power.findLastIndex((one) => one >= least);
  return first < 0 ? samples : samples.subarray(first * HOP_SAMPLES, (last + 1) * HOP_SAMPLES);
}

function changed(samples: Float32Array, timing: SoundTiming, random: SeededRandom): Float32Array {
  const speed = between(timing.speed, random);
  const delay = random.integer(0, CHANGES.delay);
  const loudest = samples.reduce((top, value) => Math.max(top, Math.abs(value)), 0);
  const noise = loudest * CHANGES.noise * random.next() ** 2;
  const n = Math.floor((samples.length - 1) / speed);
  const out = new Float32Array(delay + n);
  for (let i = 0; i < out.length; i++) {
    const at = (i - delay) * speed;
    const before = Math.floor(at);
    const part = at - before;
    const value = i < delay ? 0 : samples[before]! * (1 - part) + (samples[before + 1] ?? 0) * part;
    out[i] = value + noise * (2 * random.next() - 1);
  }
  return out;
}

const between = ([low, high]: Range, random: SeededRandom): number =>
  low + (high - low) * random.next();

/** Frames at another pace, with bands that are higher or lower (vocal tract length perturbation), louder or less. */
function warped(
  { sense, values, n }: Segment,
  { bands, stack, most }: FrameStack,
  timing: SoundTiming,
  random: SeededRandom,
): Segment {
  const pace = between(timing.pace, random);
  const height = between(CHANGES.height, random);
  const contrast = between(CHANGES.contrast, random);
  const [lastFrame, lastBand] = [n * stack - 1, bands - 1];
  const nOut = Math.min(most, Math.ceil((n * stack) / pace / stack));
  const out = new Float32Array(nOut * stack * bands);
  for (let frame = 0; frame < nOut * stack && frame * pace < lastFrame; frame++)
    for (let band = 0; band < bands; band++) {
      const value = valueBetween(values, bands, frame * pace, Math.min(lastBand, band * height));
      out[frame * bands + band] = contrast * value;
    }
  return { sense, values: out, n: nOut };
}

/** @param values [.., nBand] @param frame before the last one @returns linear between the four around */
function valueBetween(values: Float32Array, nBand: number, frame: number, band: number): number {
  const [row, left] = [Math.floor(frame), Math.min(nBand - 2, Math.floor(band))];
  const [down, right] = [frame - row, band - left];
  const at = row * nBand + left;
  const above = values[at]! * (1 - right) + values[at + 1]! * right;
  const below = values[at + nBand]! * (1 - right) + values[at + nBand + 1]! * right;
  return above * (1 - down) + below * down;
}

/** Some bands, and some vectors, become nothing (arXiv 1904.08779). */
function leaveOut(
  { values, n }: Segment,
  { bands, stack }: FrameStack,
  random: SeededRandom,
): void {
  const nBand = random.integer(0, CHANGES.bands);
  const band = random.integer(0, bands - nBand);
  for (let frame = 0; frame < n * stack; frame++)
    values.fill(0, frame * bands + band, frame * bands + band + nBand);
  const nVector = random.integer(0, Math.min(CHANGES.vectors, n - 1));
  const first = random.integer(0, n - nVector);
  values.fill(0, first * bands * stack, (first + nVector) * bands * stack);
}
