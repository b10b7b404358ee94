/** A recording as windows for the recogniser: those a detector finds speech in, or one after the other. */
import { MAX_SAMPLES, SAMPLE_RATE } from '../types.ts';
import type { VadRequest, VadResult } from '../../audio/voice-activity.ts';
import { SampleBuffer } from './sample-buffer.ts';
import { nextCut } from './window-rules.ts';
import type { Cut, Span } from './window-rules.ts';

export interface SoundWindow {
  /** Time of its first sample, in seconds from the recording's beginning. */
  readonly startSeconds: number;
  readonly samples: Float32Array;
}

export type DetectSpeech = (request: VadRequest) => Promise<VadResult>;

/** Windows of a recording; told after each how many of its seconds were transcribed. */
export interface Windows {
  next(): Promise<SoundWindow | null>;
  consumed(seconds: number): void;
  /** Read so far, in seconds. */
  readonly seconds: number;
}

/** Shorter audio holds no speech. */
const LEAST_SAMPLES = SAMPLE_RATE / 20;
/** Samples given to the detector at a time. */
const DETECT_SAMPLES = 8 * SAMPLE_RATE;

/** Windows of 30 s, each from where the last transcription ended. */
export class PlainWindows implements Windows {
  readonly #blocks: AsyncIterator<Float32Array>;
  readonly #buffer = new SampleBuffer();
  #isOver = false;
  #nSample = 0;

  constructor(blocks: AsyncIterable<Float32Array>) {
    this.#blocks = blocks[Symbol.asyncIterator]();
  }

  get seconds(): number {
    return this.#buffer.end / SAMPLE_RATE;
  }

  async next(): Promise<SoundWindow | null> {
    const buffer = this.#buffer;
    while (!this.#isOver && buffer.end - buffer.start <= MAX_SAMPLES) await this.#read();
    const samples = buffer.slice(buffer.start, buffer.start + MAX_SAMPLES);
    if (samples.length < LEAST_SAMPLES) return null;
    this.#nSample = samples.length;
    return { startSeconds: buffer.start / SAMPLE_RATE, samples };
  }

  consumed(seconds: number): void {
    this.#buffer.dropBefore(this.#buffer.start + advance(seconds, this.#nSample));
  }

  async #read(): Promise<void> {
    const next: IteratorResult<Float32Array, unknown> = await this.#blocks.next();
    if (next.done === true) this.#isOver = true;
    else this.#buffer.push(next.value);
  }
}

/** Windows that begin and end in pauses; silence is left out. */
export class SpeechWindows implements Windows {
  readonly #blocks: AsyncIterator<Float32Array>;
  readonly #detect: DetectSpeech;
  readonly #buffer = new SampleBuffer();
  #segments: Span[] = [];
  #openSince: number | null = null;
  #state: VadResult['state'] | null = null;
  #isOver = false;
  #cut: Cut = { from: 0, to: 0, nSegment: 0, isHard: false };

  constructor(blocks: AsyncIterable<Float32Array>, detect: DetectSpeech) {
    this.#blocks = blocks[Symbol.asyncIterator]();
    this.#detect = detect;
  }

  get seconds(): number {
    return this.#buffer.end / SAMPLE_RATE;
  }

  async next(): Promise<SoundWindow | null> {
    for (;;) {
      const cut = nextCut(this.#segments, this.#openSince, this.#buffer.end, this.#isOver);
      if (cut !== null) {
        this.#cut = cut;
        const samples = this.#buffer.slice(cut.from, cut.to);
        this.#segments = this.#segments.slice(cut.nSegment);
        return { startSeconds: cut.from / SAMPLE_RATE, samples };
      }
      if (this.#isOver) return null;
      await this.#read();
    }
  }

  consumed(seconds: number): void {
    const { from, to, isHard } = this.#cut;
    const end = from + advance(seconds, to - from);
    if (!isHard && end < to) {
      // The untranscribed rest comes again, also where nothing follows it.
      this.#segments = [{ from: end, to }, ...this.#segments];
    } else if (isHard) {
      // Speech goes on from here: the segment, or the stretch that has not ended.
      const [first, ...rest] = this.#segments;
      if (first === undefined) this.#openSince = end;
      else this.#segments = [{ from: end, to: first.to }, ...rest];
    }
    this.#buffer.dropBefore(end);
  }

  async #read(): Promise<void> {
    const fresh = new SampleBuffer();
    while (!this.#isOver && fresh.end < DETECT_SAMPLES) {
      const next: IteratorResult<Float32Array, unknown> = await this.#blocks.next();
      if (next.done === true) this.#isOver = true;
      else fresh.push(next.value);
    }
    const samples = fresh.slice(0, fresh.end);
    this.#buffer.push(samples);
    const found = await this.#detect({ samples, state: this.#state, isLast: this.#isOver });
    this.#state = found.state;
    const at = (seconds: number) => Math.round(seconds * SAMPLE_RATE);
    // A stretch that was cut hard began where the last window ended.
    const open = this.#openSince ?? 0;
    for (const { startS, endS } of found.segments)
      this.#segments.push({ from: Math.max(at(startS), Math.min(open, at(endS))), to: at(endS) });
    this.#openSince = found.openSinceS === null ? null : Math.max(at(found.openSinceS), open);
    if (this.#openSince === null && this.#segments.length === 0)
      this.#buffer.dropBefore(this.#buffer.end - SAMPLE_RATE);
  }
}

/** A shorter untranscribed rest counts as transcribed. */
const LEAST_LEFT = SAMPLE_RATE / 2;
/** Windows advance by at least this much, or the same one could come again and again. */
const LEAST_ADVANCE = SAMPLE_RATE;

/** Samples of a window that count as transcribed: never none. */
function advance(seconds: number, nSample: number): number {
  const n = Math.round(seconds * SAMPLE_RATE);
  if (n <= 0 || n > nSample - LEAST_LEFT) return nSample;
  return Math.min(nSample, Math.max(n, LEAST_ADVANCE));
}
