/**
 * Quantization of a granule (ISO/IEC 11172-3 C.1.5.4): the finest step whose codes fit into the bits there are, and
 * scale factors that make it finer where noise would be heard. In place of a psychoacoustic model, a band's
 * noise may be as loud as a fixed share of the band's own energy.
 */
import { MAX_QUANTIZED, planHuffman } from './huffman.ts';
import type { HuffmanPlan } from './huffman.ts';
import { maxScaleFactor, N_SCALE_FACTOR, planScaleFactors } from './scale-factors.ts';
import type { ScaleFactorPlan } from './scale-factors.ts';
import { GRANULE_SAMPLES } from './stream-format.ts';
import type { Mp3Format } from './stream-format.ts';

/** `global_gain` of a step of 1. */
const UNIT_GAIN = 210;
const MAX_GAIN = 255;
/** Largest `part2_3_length`. */
const MAX_GRANULE_BITS = 4095;
/** Rounds so that the error of the power law is least (C.1.5.4.4). */
const ROUNDING = 0.4054;
/** Times that scale factors are raised. */
const MAX_ROUNDS = 6;
/** Share of a band's energy that noise may have: 20 dB below the lowest bands, 12 dB below the highest. */
const MASKING = Float64Array.from({ length: 22 }, (_, band) => 10 ** (-2 + (0.8 * band) / 21));
/** Noise of a coefficient that nobody hears: half a step of 16 bits. */
const QUIET = (0.5 / 32_768) ** 2;

const POWER_4_3 = Float64Array.from({ length: MAX_QUANTIZED + 1 }, (_, i) => i ** (4 / 3));

export interface QuantizedGranule {
  readonly magnitudes: Uint16Array;
  readonly gain: number;
  readonly factors: Uint8Array;
  readonly scale: ScaleFactorPlan;
  readonly huffman: HuffmanPlan;
  /** Scale factors and codes. */
  readonly nBit: number;
}

/** @param coefficients 576 @param maxBits for scale factors and codes; enough for a granule of zeros, which takes none */
export function quantizeGranule(
  coefficients: Float64Array,
  format: Mp3Format,
  maxBits: number,
): QuantizedGranule {
  const search = new GainSearch(coefficients, format, Math.min(maxBits, MAX_GRANULE_BITS));
  let factors = new Uint8Array(N_SCALE_FACTOR);
  let best = search.quantize(factors);
  let bestExcess = Infinity;
  for (let round = 0, granule: QuantizedGranule | null = best; granule !== null; round++) {
    const { excess, loud } = search.heard(granule);
    if (excess < bestExcess) [best, bestExcess] = [granule, excess];
    if (loud.length === 0 || round === MAX_ROUNDS) break;
    if (loud.some((band) => factors[band]! >= maxScaleFactor(band))) break;
    factors = Uint8Array.from(factors);
    for (const band of loud) factors[band]! += 1;
    granule = search.quantize(factors);
  }
  return best;
}

class GainSearch {
  readonly #coefficients: Float64Array;
  readonly #format: Mp3Format;
  readonly #maxBits: number;
  /** Magnitudes to the power of 3/4, which are what is rounded. */
  readonly #powers: Float64Array;
  readonly #allowed: Float64Array;

  constructor(coefficients: Float64Array, format: Mp3Format, maxBits: number) {
    this.#coefficients = coefficients;
    this.#format = format;
    this.#maxBits = maxBits;
    this.#powers = coefficients.map((x) => Math.sqrt(Math.abs(x) * Math.sqrt(Math.abs(x))));
    this.#allowed = allowedNoise(coefficients, format.bands);
  }

  /** The granule with the finest step that fits. */
  quantize(factors: Uint8Array): QuantizedGranule {
    const scale = planScaleFactors(factors, this.#format.isMpeg1);
    const scaled = this.#scaled(factors);
    const room = this.#maxBits - scale.nBit;
    let low = lowestGain(scaled);
    let high = MAX_GAIN;
    // At the coarsest step everything is zero, or nearly so.
    let found = this.#attempt(scaled, high);
    while (low < high) {
      const gain = (low + high) >> 1;
      const attempt = this.#attempt(scaled, gain);
      if (attempt.huffman.nBit <= room) [high, found] = [gain, attempt];
      else low = gain + 1;
    }
    return { ...found, gain: high, factors, scale, nBit: scale.nBit + found.huffman.nBit };
  }

  /** How far noise is above what is allowed, in decibels over all bands; the bands where it is. */
  heard({ magnitudes, gain, factors }: QuantizedGranule): { excess: number; loud: number[] } {
    const { bands } = this.#format;
    const loud: number[] = [];
    let excess = 0;
    for (let band = 0; band < bands.length - 1; band++) {
      const step = 2 ** ((gain - UNIT_GAIN) / 4 - (factors[band] ?? 0) / 2);
      let noise = 0;
      for (let i = bands[band]!; i < bands[band + 1]!; i++)
        noise += (Math.abs(this.#coefficients[i]!) - step * POWER_4_3[magnitudes[i]!]!) ** 2;
      const ratio = noise / this.#allowed[band]!;
      if (ratio <= 1) continue;
      excess += 10 * Math.log10(ratio);
      if (band < N_SCALE_FACTOR) loud.push(band);
    }
    return { excess, loud };
  }

  #attempt(scaled: Float64Array, gain: number): { magnitudes: Uint16Array; huffman: HuffmanPlan } {
    const scale = 2 ** ((-3 / 16) * (gain - UNIT_GAIN));
    const magnitudes = new Uint16Array(GRANULE_SAMPLES);
    for (let i = 0; i < GRANULE_SAMPLES; i++) magnitudes[i] = scaled[i]! * scale + ROUNDING;
    return { magnitudes, huffman: planHuffman(magnitudes, this.#format.bands) };
  }

  #scaled(factors: Uint8Array): Float64Array {
    const { bands } = this.#format;
    const scaled = Float64Array.from(this.#powers);
    for (const [band, factor] of factors.entries()) {
      if (factor === 0) continue;
      // A factor halves the step by the square root of 2; rounding sees that to the power of 3/4.
      const scale = 2 ** (0.375 * factor);
      for (let i = bands[band]!; i < bands[band + 1]!; i++) scaled[i]! *= scale;
    }
    return scaled;
  }
}

/** The finest step at which the loudest coefficient can still be expressed. */
function lowestGain(scaled: Float64Array): number {
  const loudest = scaled.reduce((max, x) => Math.max(max, x), 0);
  if (loudest === 0) return 0;
  const gain = UNIT_GAIN + Math.ceil((16 / 3) * Math.log2(loudest / MAX_QUANTIZED));
  return Math.max(0, Math.min(MAX_GAIN, gain));
}

function allowedNoise(coefficients: Float64Array, bands: readonly number[]): Float64Array {
  return MASKING.map((share, band) => {
    let energy = 0;
    for (let i = bands[band]!; i < bands[band + 1]!; i++) energy += coefficients[i]! ** 2;
    return Math.max(share * energy, QUIET * (bands[band + 1]! - bands[band]!));
  });
}
