/** Resizes pictures as Pillow does, with a filter that is as wide as the pixels that one stands for. */
import type { Picture } from './picture.ts';

/** For each new pixel, the first old one and the weights of those from there on, as integers of WEIGHT_ONE. */
interface Taps {
  readonly first: number;
  readonly weights: readonly number[];
}

/** Pillow's weights are integers of 22 bits: sums of floats would be another byte now and then. */
const WEIGHT_ONE = 2 ** 22;

interface Filter {
  /** Pixels to each side of the centre that count. */
  readonly reach: number;
  readonly weight: (distance: number) => number;
}

/** Pillow's BILINEAR, its BICUBIC (Keys 1981, a = -0.5), and its LANCZOS (three lobes). */
const FILTERS = {
  triangle: { reach: 1, weight: (x: number) => Math.max(0, 1 - x) },
  cubic: { reach: 2, weight: cubicWeight },
  lanczos: { reach: 3, weight: (x: number) => (x < 3 ? sinc(x) * sinc(x / 3) : 0) },
} as const satisfies Readonly<Record<string, Filter>>;
export type FilterName = keyof typeof FILTERS;

function cubicWeight(x: number): number {
  if (x < 1) return (1.5 * x - 2.5) * x * x + 1;
  return x < 2 ? ((-0.5 * x + 2.5) * x - 4) * x + 2 : 0;
}

function sinc(x: number): number {
  return x === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
}

export function resize(
  { width, height, rgb }: Picture,
  toWidth: number,
  toHeight: number,
  filter: FilterName = 'triangle',
): Picture {
  const wide = resample(rgb, [height, 3], tapsOf(width, toWidth, FILTERS[filter]));
  // Columns: each row is one "pixel" of 3 * width values.
  const done = resample(wide, [1, 3 * toWidth], tapsOf(height, toHeight, FILTERS[filter]));
  return { width: toWidth, height: toHeight, rgb: done };
}

/** Rows [nRow, from, inner] to [nRow, to, inner]. */
function resample(
  data: Uint8Array,
  [nRow, inner]: readonly [nRow: number, inner: number],
  taps: readonly Taps[],
): Uint8Array {
  const to = taps.length;
  const from = data.length / (nRow * inner);
  const out = new Uint8Array(nRow * to * inner);
  for (let row = 0; row < nRow; row++) {
    taps.forEach(({ first, weights }, i) => {
      const at = (row * to + i) * inner;
      for (let k = 0; k < inner; k++) {
        let sum = WEIGHT_ONE / 2;
        for (let j = 0; j < weights.length; j++)
          sum += weights[j]! * data[(row * from + first + j) * inner + k]!;
        out[at + k] = Math.min(255, Math.max(0, Math.floor(sum / WEIGHT_ONE)));
      }
    });
  }
  return out;
}

function tapsOf(from: number, to: number, { reach, weight }: Filter): Taps[] {
  const scale = Math.max(1, from / to);
  const wide = reach * scale;
  return Array.from({ length: to }, (_, index) => {
    const centre = ((index + 0.5) * from) / to;
    const first = Math.max(0, Math.floor(centre - wide + 0.5));
    const last = Math.min(from, Math.floor(centre + wide + 0.5));
    const weights = Array.from({ length: last - first }, (_, j) =>
      weight(Math.abs((first + j - centre + 0.5) / scale)),
    );
    const sum = weights.reduce((total, one) => total + one, 0);
    return { first, weights: weights.map((one) => inUnits(one / sum)) };
  });
}

/** Halves are rounded away from zero. */
function inUnits(weight: number): number {
  return Math.trunc(weight * WEIGHT_ONE + (weight < 0 ? -0.5 : 0.5));
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
