/**
 * What a picture looks like in 8 bytes and 192: which low frequencies of its brightness are strong (the signs of a cosine
 * transform about their median), and 8 x 8 colours. Copies in another size or format keep both.
 */
import type { Picture } from '../../../engine/vision/picture.ts';
import { resize } from '../../../engine/vision/resize.ts';

/** Pixels a side that frequencies are taken of, and how many of these a side. */
const SIDE = 32;
const FREQUENCIES = 8;
/** Strength that noise of a flat picture does not reach: a step of one of 255 over the picture has some 300. */
const QUIET = 64;
/** Bits of 64 in which copies may differ. */
export const MAX_BITS = 4;
/** Mean difference of the colours of copies, of 255. */
export const MAX_COLOUR = 6;

export interface PictureLook {
  /** 64 bits: [2] */
  readonly bits: Uint32Array;
  /** [8, 8, 3] */
  readonly colours: Uint8Array;
}

const COSINES: readonly Float64Array[] = Array.from({ length: FREQUENCIES }, (_, u) =>
  Float64Array.from({ length: SIDE }, (__, x) =>
    Math.cos((Math.PI * (2 * x + 1) * u) / (2 * SIDE)),
  ),
);

export function lookOf(picture: Picture): PictureLook {
  const strengths = lowFrequencies(brightnessOf(resize(picture, SIDE, SIDE)));
  // The first is the mean brightness of all.
  const others = strengths.slice(1).sort();
  const middle = others[others.length >> 1] ?? 0;
  const bits = new Uint32Array(2);
  for (const [i, strength] of strengths.entries())
    if (i > 0 && strength > middle + QUIET) bits[i >> 5]! |= 1 << (i & 31);
  return { bits, colours: resize(picture, FREQUENCIES, FREQUENCIES).rgb };
}

/** Whether one picture is a copy of the other, as far as can be seen. */
export function looksLike(one: PictureLook, other: PictureLook): boolean {
  return differingBits(one, other) <= MAX_BITS && colourDistance(one, other) <= MAX_COLOUR;
}

export function differingBits({ bits: a }: PictureLook, { bits: b }: PictureLook): number {
  return bitCount(a[0]! ^ b[0]!) + bitCount(a[1]! ^ b[1]!);
}

/** Mean absolute difference, of 255. */
export function colourDistance({ colours: a }: PictureLook, { colours: b }: PictureLook): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - b[i]!), 0) / a.length;
}

/** Rec. 601 luma: [SIDE, SIDE] */
function brightnessOf({ rgb }: Picture): Float64Array {
  return Float64Array.from(
    { length: SIDE * SIDE },
    (_, i) => 0.299 * rgb[3 * i]! + 0.587 * rgb[3 * i + 1]! + 0.114 * rgb[3 * i + 2]!,
  );
}

/** The lowest frequencies of a two-dimensional cosine transform: [FREQUENCIES, FREQUENCIES], by rows. */
function lowFrequencies(values: Float64Array): Float64Array {
  const across = Float64Array.from({ length: SIDE * FREQUENCIES }, (_, i) => {
    const [y, cosines] = [Math.floor(i / FREQUENCIES), COSINES[i % FREQUENCIES]!];
    return cosines.reduce((sum, cosine, x) => sum + cosine * values[y * SIDE + x]!, 0);
  });
  return Float64Array.from({ length: FREQUENCIES ** 2 }, (_, i) => {
    const [u, cosines] = [i % FREQUENCIES, COSINES[Math.floor(i / FREQUENCIES)]!];
    return cosines.reduce((sum, cosine, y) => sum + cosine * across[y * FREQUENCIES + u]!, 0);
  });
}

function bitCount(word: number): number {
  let n = 0;
  for (let rest = word >>> 0; rest !== 0; rest &= rest - 1) n++;
  return n;
}
