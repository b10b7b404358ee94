/**
 * A picture of any size as the squares that a vision tower reads, as the image processors of transformers make them
 * (image_processing_idefics3.py, image_processing_llava.py): with Pillow's filters, a byte a value after every step.
 */
import { EngineError } from '../base/errors.ts';
import { MAX_TILE_SIDES } from '../manifest/preparation.ts';
import type { Preparation } from '../manifest/preparation.ts';
import type { Picture, Size } from './picture.ts';
import { crop, cropCentre, resize } from './resize.ts';

/** Squares of one picture. */
export interface Squares {
  /** Rows of tiles, from left to right; none where the picture is one square. */
  readonly tiles: readonly (readonly Picture[])[];
  /** The picture as one square. */
  readonly whole: Picture;
}

/** No side is made longer by the ways that keep proportions. */
const MAX_SIDE = 4096;

/** @param side of the squares */
export function prepareSquares(picture: Picture, how: Preparation, side: number): Squares {
  return PREPARE[how.kind](picture, how as never, side);
}

type Of<K extends Preparation['kind']> = Extract<Preparation, { readonly kind: K }>;

const PREPARE: {
  readonly [K in Preparation['kind']]: (picture: Picture, how: Of<K>, side: number) => Squares;
} = {
  square: (picture, { filter }, side) => one(resize(picture, side, side, filter)),
  centre: (picture, { filter, shortestEdge, padding }, side) => {
    const padded = padding === undefined ? picture : padToSquare(picture, padding);
    const { width, height } = withShortest(padded, shortestEdge);
    return one(cropCentre(resize(padded, width, height, filter), side));
  },
  whole: (picture, { filter, longestEdge }, side) => {
    const { width, height } = withLongest(picture, longestEdge);
    return one(resize(resize(picture, width, height, filter), side, side, filter));
  },
  tiles: (picture, { filter, longestEdge }, side) => {
    const first = withLongest(picture, longestEdge);
    const { width, height } = tileSize(first, side);
    const small = resize(picture, first.width, first.height, filter);
    const large = resize(small, width, height, filter);
    const [nRow, nColumn] = [height / side, width / side];
    if (nRow === 1 && nColumn === 1) return one(large);
    const tiles = Array.from({ length: nRow }, (_, row) =>
      Array.from({ length: nColumn }, (__, column) => {
        const [left, top] = [column * side, row * side];
        return crop(large, [left, top, left + side, top + side]);
      }),
    );
    return { tiles, whole: resize(large, side, side, filter) };
  },
};

/** The same as one square: what transformers make without "do_image_splitting". */
export function asOneSquare(how: Preparation): Preparation {
  return how.kind === 'tiles' ? { ...how, kind: 'whole' } : how;
}

/** How many tiles a picture becomes: rows and columns, 0 and 0 for a picture that is one square. */
export function tileGrid(
  picture: Size,
  how: Preparation,
  side: number,
): { readonly nRow: number; readonly nColumn: number } {
  if (how.kind !== 'tiles') return { nRow: 0, nColumn: 0 };
  const { width, height } = tileSize(withLongest(picture, how.longestEdge), side);
  const [nRow, nColumn] = [height / side, width / side];
  return nRow === 1 && nColumn === 1 ? { nRow: 0, nColumn: 0 } : { nRow, nColumn };
}

function one(whole: Picture): Squares {
  return { tiles: [], whole };
}

/** The longest edge made as long, the other one even and in proportion. */
function withLongest({ width, height }: Size, longest: number): Size {
  const ratio = width / height;
  const even = (length: number) => Math.max(1, length + (length % 2));
  const size =
    width >= height
      ? { width: longest, height: even(Math.trunc(longest / ratio)) }
      : { width: even(Math.trunc(longest * ratio)), height: longest };
  return { width: Math.min(size.width, MAX_SIDE), height: Math.min(size.height, MAX_SIDE) };
}

/** The shortest edge made as long, the other one in proportion. */
function withShortest({ width, height }: Size, shortest: number): Size {
  const size =
    width <= height
      ? { width: shortest, height: Math.trunc((shortest * height) / width) }
      : { width: Math.trunc((shortest * width) / height), height: shortest };
  if (Math.max(size.width, size.height) <= MAX_SIDE * 4) return size;
  throw new EngineError(
    'E_IMAGE_INVALID',
    `image: ${width} x ${height} pixels; expected sides of at most 1 to 16 for this model. Cut it.`,
    { param: 'image', details: { width, height } },
  );
}

/** Whole tiles: each side is made longer to a multiple. */
function tileSize({ width, height }: Size, side: number): Size {
  const ratio = width / height;
  const up = (length: number) =>
    Math.min(MAX_TILE_SIDES, Math.max(1, Math.ceil(length / side))) * side;
  if (width >= height) {
    const wide = up(width);
    return { width: wide, height: up(Math.trunc(wide / ratio)) };
  }
  const high = up(height);
  return { width: up(Math.trunc(high * ratio)), height: high };
}

function padToSquare({ width, height, rgb }: Picture, colour: readonly number[]): Picture {
  if (width === height) return { width, height, rgb };
  const side = Math.max(width, height);
  const out = new Uint8Array(side * side * 3);
  for (let i = 0; i < out.length; i++) out[i] = colour[i % 3]!;
  const [left, top] = [Math.floor((side - width) / 2), Math.floor((side - height) / 2)];
  for (let y = 0; y < height; y++) {
    const row = rgb.subarray(y * width * 3, (y + 1) * width * 3);
    out.set(row, ((top + y) * side + left) * 3);
  }
  return { width: side, height: side, rgb: out };
}
