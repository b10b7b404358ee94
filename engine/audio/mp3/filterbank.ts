/**
 * Hybrid filterbank of layer 3, analysis (ISO/IEC 11172-3, C.1.3 and C.1.5.3.3): polyphase filters, a modified
 * cosine transform of each subband (long blocks only), and the reduction of aliases between neighbours.
 */
import { GRANULE_SAMPLES } from './stream-format.ts';
import { analysisWindow } from './window.ts';

const SUBBANDS = 32;
/** Samples of a subband in a granule. */
const SLOTS = 18;
const WINDOW = 512;
/** Samples before a granule that its first output depends on. */
const HISTORY = WINDOW - SUBBANDS;
/** Table B.9: weights between neighbouring subbands. */
const ALIAS = [-0.6, -0.535, -0.33, -0.185, -0.095, -0.041, -0.0142, -0.0037] as const;
const ALIAS_SCALES = ALIAS.map((c) => 1 / Math.hypot(1, c));
const ALIAS_WEIGHTS = ALIAS.map((c) => -c / Math.hypot(1, c));

const COEFFICIENTS = analysisWindow();
/** By subband, then folded input: a cosine transform of 32 points. */
const POLYPHASE = Float64Array.from({ length: SUBBANDS * SUBBANDS }, (_, at) => {
  const [k, j] = [at >> 5, at & 31];
  return Math.cos(((2 * k + 1) * j * Math.PI) / 64);
});
/** By coefficient, then input: cosines with the window and the scale that makes the inverse exact. */
const TRANSFORM = Float64Array.from({ length: SLOTS * 2 * SLOTS }, (_, at) => {
  const [i, k] = [Math.floor(at / 36), at % 36];
  const window = Math.sin((Math.PI / 36) * (k + 0.5));
  return (window * Math.cos((Math.PI / 72) * (2 * k + 19) * (2 * i + 1))) / 9;
});

/** One channel. */
export class Filterbank {
  readonly #samples = new Float64Array(HISTORY + GRANULE_SAMPLES);
  /** By subband, 18 samples of the granule before and 18 of this one. */
  readonly #subbands = new Float64Array(SUBBANDS * 2 * SLOTS);
  readonly #summed = new Float64Array(2 * SUBBANDS);
  readonly #folded = new Float64Array(SUBBANDS);

  /**
   * The next granule's 576 coefficients, 18 of each subband.
   * @param samples 576
   */
  analyse(samples: Float32Array, out: Float64Array): void {
    this.#samples.copyWithin(0, GRANULE_SAMPLES);
    this.#samples.set(samples, HISTORY);
    const subbands = this.#subbands;
    for (let k = 0; k < SUBBANDS; k++)
      subbands.copyWithin(36 * k, 36 * k + SLOTS, 36 * k + 2 * SLOTS);
    for (let slot = 0; slot < SLOTS; slot++) this.#filter(slot);
    for (let k = 0; k < SUBBANDS; k++) transform(subbands.subarray(36 * k, 36 * k + 36), out, k);
    reduceAliases(out);
  }

  #filter(slot: number): void {
    const newest = HISTORY + SUBBANDS * slot + SUBBANDS - 1;
    const summed = this.#summed;
    for (let i = 0; i < 2 * SUBBANDS; i++) {
      let sum = 0;
      for (let at = i; at < WINDOW; at += 2 * SUBBANDS)
        sum += COEFFICIENTS[at]! * this.#samples[newest - at]!;
      summed[i] = sum;
    }
    // Cosines of 64 inputs repeat themselves, mirrored about the 16th.
    const folded = this.#folded;
    folded[0] = summed[16]!;
    for (let j = 1; j <= 16; j++) folded[j] = summed[16 - j]! + summed[16 + j]!;
    for (let j = 17; j < SUBBANDS; j++) folded[j] = summed[16 + j]! - summed[80 - j]!;
    for (let k = 0; k < SUBBANDS; k++) {
      let sum = 0;
      for (let j = 0; j < SUBBANDS; j++) sum += POLYPHASE[SUBBANDS * k + j]! * folded[j]!;
      // Odd subbands run backwards in frequency.
      this.#subbands[36 * k + SLOTS + slot] = (k & slot & 1) === 1 ? -sum : sum;
    }
  }
}

function transform(input: Float64Array, out: Float64Array, subband: number): void {
  for (let i = 0; i < SLOTS; i++) {
    let sum = 0;
    for (let k = 0; k < 36; k++) sum += TRANSFORM[36 * i + k]! * input[k]!;
    out[SLOTS * subband + i] = sum;
  }
}

function reduceAliases(out: Float64Array): void {
  for (let edge = SLOTS; edge < GRANULE_SAMPLES; edge += SLOTS)
    for (let i = 0; i < ALIAS.length; i++) {
      const [below, above] = [out[edge - 1 - i]!, out[edge + i]!];
      const [scale, weight] = [ALIAS_SCALES[i]!, ALIAS_WEIGHTS[i]!];
      out[edge + i] = above * scale + below * weight;
      out[edge - 1 - i] = below * scale - above * weight;
    }
}
