/** Turns a picture as its camera was held. */
import type { Picture } from './picture.ts';

/**
 * By orientation of EXIF: whether rows become columns, and whether the result is mirrored across and down.
 * Source pixel of result (x, y): (x, y) mirrored, then swapped.
 */
interface Turn {
  readonly swaps: boolean;
  readonly mirrorsX: boolean;
  readonly mirrorsY: boolean;
}

const turn = (swaps: boolean, mirrorsX: boolean, mirrorsY: boolean): Turn => ({
  ...{ swaps, mirrorsX, mirrorsY },
});

const TURNS: readonly Turn[] = [
  turn(false, false, false),
  turn(false, true, false),
  turn(false, true, true),
  turn(false, false, true),
  turn(true, false, false),
  turn(true, true, false),
  turn(true, true, true),
  turn(true, false, true),
];

/** Whether width and height change places. */
export function swapsSides(orientation: number): boolean {
  return TURNS[orientation - 1]?.swaps ?? false;
}

/** @param orientation 1 to 8, as in EXIF */
export function oriented(picture: Picture, orientation: number): Picture {
  if (orientation === 1) return picture;
  const { swaps, mirrorsX, mirrorsY } = TURNS[orientation - 1]!;
  const [width, height] = swaps ? [picture.height, picture.width] : [picture.width, picture.height];
  const rgb = new Uint8Array(3 * width * height);
  for (let y = 0, to = 0; y < height; y++) {
    const v = mirrorsY ? height - 1 - y : y;
    for (let x = 0; x < width; x++, to += 3) {
      const u = mirrorsX ? width - 1 - x : x;
      const at = 3 * (swaps ? u * picture.width + v : v * picture.width + u);
      rgb[to] = picture.rgb[at]!;
      rgb[to + 1] = picture.rgb[at + 1]!;
      rgb[to + 2] = picture.rgb[at + 2]!;
    }
  }
  return { width, height, rgb };
}
