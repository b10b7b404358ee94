/** What joins the channels of a pair, and noise that stands for coefficients (ISO/IEC 14496-3, 4.6.8 and 4.6.13). */
import { IN_PHASE_BOOK, NOISE_BOOK, OUT_OF_PHASE_BOOK } from './channel.ts';
import type { Band, ChannelStream, WindowInfo } from './channel.ts';
import type { FrameBits } from './frame-bits.ts';

/** Which bands of a pair are coded as sum and difference. */
export interface SumDifference {
  isSummed(band: Band): boolean;
  /** Where bands are chosen one by one, the choice turns the sign of intensity. */
  isInverted(band: Band): boolean;
}

const never = () => false;

/** `ms_mask_present` and `ms_used`. */
export function readSumDifference(bits: FrameBits, { groups, nBand }: WindowInfo): SumDifference {
  const mask = bits.read(2);
  if (mask !== 1) return { isSummed: () => mask !== 0, isInverted: never };
  const used = groups.map(() => Array.from({ length: nBand }, () => bits.bit() === 1));
  const isUsed = ({ group, index }: Band) => used[group]?.[index] === true;
  return { isSummed: isUsed, isInverted: isUsed };
}

/** Left and right of a pair with a common window, in place. */
export function joinChannels(
  left: ChannelStream,
  right: ChannelStream,
  joined: SumDifference,
): void {
  for (const [i, band] of right.bands.entries()) {
    if (isIntensity(band))
      copyIntensity(left.spectrum, right.spectrum, band, joined.isInverted(band));
    else if (
      joined.isSummed(band) &&
      band.book !== NOISE_BOOK &&
      left.bands[i]!.book !== NOISE_BOOK
    )
      toLeftAndRight(left.spectrum, right.spectrum, band);
  }
}

function isIntensity({ book }: Band): boolean {
  return book === IN_PHASE_BOOK || book === OUT_OF_PHASE_BOOK;
}

function copyIntensity(
  left: Float64Array,
  right: Float64Array,
  { book, factor, starts, width }: Band,
  isInverted: boolean,
): void {
  const sign = (book === IN_PHASE_BOOK) === isInverted ? -1 : 1;
  const scale = sign * 2 ** (-factor / 4);
  for (const start of starts)
    for (let i = start; i < start + width; i++) right[i] = scale * left[i]!;
}

function toLeftAndRight(left: Float64Array, right: Float64Array, { starts, width }: Band): void {
  for (const start of starts)
    for (let i = start; i < start + width; i++) {
      const [sum, difference] = [left[i]!, right[i]!];
      left[i] = sum + difference;
      right[i] = sum - difference;
    }
}

/**
 * Fills bands of noise to the level they state.
 * @param seed differs from channel to channel, except where noise is to be the same in both
 */
export function fillNoise({ bands, spectrum }: ChannelStream, seed: (band: Band) => number): void {
  for (const band of bands)
    if (band.book === NOISE_BOOK) {
      let state = seed(band) | 0;
      for (const start of band.starts) {
        const part = spectrum.subarray(start, start + band.width);
        let energy = 0;
        for (let i = 0; i < part.length; i++) {
          // A linear congruential generator (Numerical Recipes): its upper bits are noise enough.
          state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
          part[i] = state / 2 ** 31;
          energy += part[i]! ** 2;
        }
        const scale = 2 ** (band.factor / 4) / Math.sqrt(energy);
        for (let i = 0; i < part.length; i++) part[i]! *= scale;
      }
    }
}
