/** Resizes pictures with a triangle filter over as many pixels as one stands for (Pillow's BILINEAR). */
import type { Picture } from './picture.ts';

/** For each new pixel, the first old one and the weights of those from there on. */
interface Taps {
  readonly first: number;
  readonly weights: readonly number[];
}

export function resize(
  { width, height, rgb }: Picture,
  toWidth: number,
  toHeight: number,
): Picture {
  const wide = resample(rgb, height, width, toWidth, 3);
  // Columns: each row is one "pixel" of 3 * width values.
  const done = resample(wide, 1, height, toHeight, 3 * toWidth);
  return { width: toWidth, height: toHeight, rgb: done };
}

/** Rows [nRow, from, inner] to [nRow, to, inner]. */
function resample(
  data: Uint8Array,
  nRow: number,
  from: number,
  to: number,
  inner: number,
): Uint8Array {
  const out = new Uint8Array(nRow * to * inner);
  const taps = Array.from({ length: to }, (_, i) => tapsOf(i, from, to));
  for (let row = 0; row < nRow; row++) {
    taps.forEach(({ first, weights }, i) => {
      const at = (row * to + i) * inner;
      for (let k = 0; k < inner; k++) {
        let sum = 0.5;
        for (let j = 0; j < weights.length; j++)
          sum += weights[j]! * data[(row * from + first + j) * inner + k]!;
        out[at + k] = Math.min(255, Math.max(0, Math.floor(sum)));
      }
    });
  }
  return out;
}

function tapsOf(index: number, from: number, to: number): Taps {
  const scale = Math.max(1, from / to);
  const centre = ((index + 0.5) * from) / to;
  const first = Math.max(0, Math.floor(centre - scale + 0.5));
  const last = Math.min(from, Math.floor(centre + scale + 0.5));
  const weights = Array.from({ length: last - first }, (_, j) =>
    Math.max(0, 1 - Math.abs((first + j - centre + 0.5) / scale)),
  );
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return { first, weights: weights.map((weight) => weight / sum) };
}

/** The middle of a picture. */
export function cropCentre(picture: Picture, size: number): Picture {
  const [left, top] = [(picture.width - size) >> 1, (picture.height - size) >> 1];
  return crop(picture, [left, top, left + size, top + size]);
}

/** The part from left and top up to right and bottom, which are exclusive; all lie inside. */
export function crop(
  { width, rgb }: Picture,
  [left, top, right, bottom]: readonly [number, number, number, number],
): Picture {
  const row = 3 * (right - left);
  const out = new Uint8Array(row * (bottom - top));
  for (let y = top; y < bottom; y++) {
    const start = 3 * (y * width + left);
    out.set(rgb.subarray(start, start + row), (y - top) * row);
  }
  return { width: right - left, height: bottom - top, rgb: out };
}
