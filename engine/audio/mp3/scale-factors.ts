/** Scale factors of long blocks: how many bits each group of bands gets (ISO/IEC 11172-3 2.4.2.7, ISO/IEC 13818-3 2.4.3.2). */
import type { BitWriter } from '../bit-writer.ts';

/** Bands with a scale factor; the highest has none. */
export const N_SCALE_FACTOR = 21;

/** Largest factor by band, in both versions. */
export function maxScaleFactor(band: number): number {
  return band < 11 ? 15 : 7;
}

/** Bits of a factor by `scalefac_compress` of MPEG 1: of the first 11 bands, of the other 10. */
const LENGTHS_MPEG1 = [
  ...[
    [0, 0],
    [0, 1],
    [0, 2],
    [0, 3],
    [3, 0],
    [1, 1],
    [1, 2],
    [1, 3],
  ],
  ...[
    [2, 1],
    [2, 2],
    [2, 3],
    [3, 1],
    [3, 2],
    [3, 3],
    [4, 2],
    [4, 3],
  ],
] as const;
const GROUPS_MPEG1 = [11, 10] as const;
const GROUPS_MPEG2 = [6, 5, 5, 5] as const;

export interface ScaleFactorPlan {
  /** `scalefac_compress` of the side information. */
  readonly compress: number;
  /** Bits of each band's factor. */
  readonly lengths: readonly number[];
  readonly nBit: number;
}

export function planScaleFactors(factors: Uint8Array, isMpeg1: boolean): ScaleFactorPlan {
  const groups = isMpeg1 ? GROUPS_MPEG1 : GROUPS_MPEG2;
  let from = 0;
  const needed = groups.map((nBand) => {
    const max = Math.max(...factors.subarray(from, from + nBand));
    from += nBand;
    return 32 - Math.clz32(max);
  });
  const { compress, lengths } = isMpeg1 ? compressMpeg1(needed) : compressMpeg2(needed);
  const byBand = groups.flatMap((nBand, group) => Array<number>(nBand).fill(lengths[group]!));
  return { compress, lengths: byBand, nBit: byBand.reduce((sum, length) => sum + length, 0) };
}

export function writeScaleFactors(
  writer: BitWriter,
  factors: Uint8Array,
  { lengths }: ScaleFactorPlan,
): void {
  for (const [band, length] of lengths.entries()) writer.write(factors[band]!, length);
}

interface Compressed {
  readonly compress: number;
  readonly lengths: readonly number[];
}

/** Not every pair of lengths can be said: the cheapest of those that hold both. */
function compressMpeg1([low = 0, high = 0]: readonly number[]): Compressed {
  const rows = LENGTHS_MPEG1.map((lengths, compress) => ({ compress, lengths }));
  const bits = ({ lengths: [a, b] }: (typeof rows)[number]) => 11 * a + 10 * b;
  return rows
    .filter(({ lengths: [a, b] }) => a >= low && b >= high)
    .reduce((best, row) => (bits(row) < bits(best) ? row : best));
}

function compressMpeg2(lengths: readonly number[]): Compressed {
  const [a = 0, b = 0, c = 0, d = 0] = lengths;
  return { compress: ((5 * a + b) << 4) + (c << 2) + d, lengths };
}
