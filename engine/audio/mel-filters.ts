/**
 * Triangular filters on Slaney's mel scale, each of area one (Slaney, Auditory Toolbox 1998; the
 * defaults of librosa.filters.mel): Whisper's features are sums with these weights. Computed, not stored.
 */

/** Below this the scale is linear, above logarithmic. */
const BREAK_HZ = 1000;
const HZ_PER_MEL = 200 / 3;
const BREAK_MEL = BREAK_HZ / HZ_PER_MEL;
const LOG_STEP = Math.log(6.4) / 27;

function hzToMel(hz: number): number {
  return hz < BREAK_HZ ? hz / HZ_PER_MEL : BREAK_MEL + Math.log(hz / BREAK_HZ) / LOG_STEP;
}
function melToHz(mel: number): number {
  return mel < BREAK_MEL ? mel * HZ_PER_MEL : BREAK_HZ * Math.exp((mel - BREAK_MEL) * LOG_STEP);
}

/** One filter: weights of the neighbouring frequencies from `first` on; the others are zero. */
export interface MelFilter {
  readonly first: number;
  readonly weights: Float64Array;
}

/** @param nBin frequencies from 0 to half of `sampleRate`, both included */
export function melFilters(nMels: number, nBin: number, sampleRate: number): MelFilter[] {
  const top = hzToMel(sampleRate / 2);
  const edges = Array.from({ length: nMels + 2 }, (_, i) => melToHz((top * i) / (nMels + 1)));
  const hzOf = (bin: number): number => (bin * sampleRate) / 2 / (nBin - 1);
  return Array.from({ length: nMels }, (_, m) => {
    const [low, centre, high] = [edges[m]!, edges[m + 1]!, edges[m + 2]!];
    const all = Array.from({ length: nBin }, (_, bin) => {
      const rising = (hzOf(bin) - low) / (centre - low);
      const falling = (high - hzOf(bin)) / (high - centre);
      return (Math.max(0, Math.min(rising, falling)) * 2) / (high - low);
    });
    const first = Math.max(
      0,
      all.findIndex((weight) => weight > 0),
    );
    const last = all.findLastIndex((weight) => weight > 0);
    return { first, weights: Float64Array.from(all.slice(first, last + 1)) };
  });
}
