/**
 * Whisper's input: log-mel features of mono samples (arXiv 2212.04356, section 2.2; openai/whisper,
 * audio.py). Windows of 25 ms under a Hann window every 10 ms, their power summed by mel filters,
 * logarithm to base 10, clamped to 8 below the loudest and scaled by (x + 4) / 4.
 */
import { EngineError } from '../base/errors.ts';
import { Fft } from './fft.ts';
import { melFilters } from './mel-filters.ts';
import type { MelFilter } from './mel-filters.ts';

export const SAMPLE_RATE = 16_000;
/** The longest window a model hears at once, in seconds. */
export const WINDOW_SECONDS = 30;
export const MAX_SAMPLES = SAMPLE_RATE * WINDOW_SECONDS;
/** Samples of a window, and from one to the next. */
const N_FFT = 400;
export const HOP_SAMPLES = 160;
export const FRAMES_PER_SECOND = SAMPLE_RATE / HOP_SAMPLES;
export const MAX_FRAMES = MAX_SAMPLES / HOP_SAMPLES;
const N_BIN = N_FFT / 2 + 1;
/** Power below this is silence. */
const LEAST_POWER = 1e-10;
/** Values are clamped to this many powers of ten below the loudest. */
const DYNAMIC_RANGE = 8;

/** Tables for one number of mel bands; about 40 kB of JavaScript heap. */
export class LogMel {
  readonly nMels: number;
  readonly #fft = new Fft(N_FFT);
  readonly #hann: Float64Array;
  readonly #filters: readonly MelFilter[];
  /** Power spectra of the two windows that are transformed together. */
  readonly #powers = [new Float64Array(N_BIN), new Float64Array(N_BIN)] as const;

  constructor(nMels: number) {
    this.nMels = nMels;
    this.#filters = melFilters(nMels, N_BIN, SAMPLE_RATE);
    this.#hann = Float64Array.from(
      { length: N_FFT },
      (_, i) => 0.5 - 0.5 * Math.cos((2 * Math.PI * i) / N_FFT),
    );
  }

  /**
   * Writes the features of `samples`, followed by silence up to 30 s, into `out`: the first `nFrame`
   * frames, [nFrame, nMels], time first.
   * @throws {EngineError} E_REQUEST_INVALID for more samples than a window has; E_INTERNAL for frames
   *   that would leave samples out.
   */
  fill(samples: Float32Array, nFrame: number, out: Float32Array): void {
    checkLengths(samples.length, nFrame);
    const { nMels } = this;
    // Windows that reach no sample are silence to the last bit.
    const nLoud = Math.min(nFrame, Math.ceil((samples.length + N_FFT / 2) / HOP_SAMPLES) + 1);
    let top = Math.log10(LEAST_POWER);
    for (let frame = 0; frame < nLoud; frame += 2) {
      this.#transform(samples, frame);
      for (let i = 0; i < Math.min(2, nLoud - frame); i++)
        top = Math.max(top, this.#sumBands(this.#powers[i]!, out, (frame + i) * nMels));
    }
    out.fill(Math.log10(LEAST_POWER), nLoud * nMels, nFrame * nMels);
    const least = top - DYNAMIC_RANGE;
    for (let i = 0; i < nFrame * nMels; i++) {
      const value = out[i]!;
      out[i] = ((value < least ? least : value) + 4) / 4;
    }
  }

  /** Power spectra of windows `frame` and `frame + 1`, as real and imaginary part of one vector. */
  #transform(samples: Float32Array, frame: number): void {
    const fft = this.#fft;
    const { re, im } = fft;
    const start = frame * HOP_SAMPLES - N_FFT / 2;
    this.#cut(samples, start, re);
    this.#cut(samples, start + HOP_SAMPLES, im);
    fft.run();
    const [zr, zi] = [fft.re, fft.im];
    const [first, second] = this.#powers;
    for (let k = 0; k < N_BIN; k++) {
      const mirror = k === 0 ? 0 : N_FFT - k;
      const ar = zr[k]! + zr[mirror]!;
      const ai = zi[k]! - zi[mirror]!;
      const br = zi[k]! + zi[mirror]!;
      const bi = zr[mirror]! - zr[k]!;
      first[k] = (ar * ar + ai * ai) / 4;
      second[k] = (br * br + bi * bi) / 4;
    }
  }

  /** Cuts one window; before the first sample and after 30 s the audio is mirrored. */
  #cut(samples: Float32Array, start: number, to: Float64Array): void {
    const hann = this.#hann;
    const n = samples.length;
    if (start >= 0 && start + N_FFT <= n) {
      for (let i = 0; i < N_FFT; i++) to[i] = samples[start + i]! * hann[i]!;
      return;
    }
    for (let i = 0; i < N_FFT; i++) {
      const at = mirrored(start + i);
      to[i] = at < n ? samples[at]! * hann[i]! : 0;
    }
  }

  /** log10 of the bands' powers at out[at...]; returns the largest. */
  #sumBands(power: Float64Array, out: Float32Array, at: number): number {
    let top = -Infinity;
    for (let band = 0; band < this.#filters.length; band++) {
      const { first, weights } = this.#filters[band]!;
      let sum = 0;
      for (let i = 0; i < weights.length; i++) sum += weights[i]! * power[first + i]!;
      const value = Math.log10(sum > LEAST_POWER ? sum : LEAST_POWER);
      if (value > top) top = value;
      out[at + band] = value;
    }
    return top;
  }
}

function mirrored(at: number): number {
  if (at < 0) return -at;
  return at < MAX_SAMPLES ? at : 2 * (MAX_SAMPLES - 1) - at;
}

function checkLengths(nSample: number, nFrame: number): void {
  if (nSample > MAX_SAMPLES)
    throw new EngineError(
      'E_REQUEST_INVALID',
      `samples: ${nSample} of them; expected at most ${MAX_SAMPLES} (${WINDOW_SECONDS} s at ${SAMPLE_RATE} Hz). Cut the audio.`,
      { param: 'file', details: { nSample, most: MAX_SAMPLES } },
    );
  if (nFrame > MAX_FRAMES || nFrame * HOP_SAMPLES < nSample)
    throw new EngineError('E_INTERNAL', `log-mel: ${nFrame} frames of ${nSample} samples`);
}
