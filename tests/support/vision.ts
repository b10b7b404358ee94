/** The picture of tests/golden/make-efficientnet.py, and what PyTorch makes of it. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { repoRoot } from '../../scripts/lib/paths.ts';

export const SIDE = 224;

/** [224, 224, 3]: a disc of another colour on a slope. */
export function goldenPicture(): Uint8Array {
  const rgb = new Uint8Array(SIDE * SIDE * 3);
  for (let y = 0; y < SIDE; y++)
    for (let x = 0; x < SIDE; x++) {
      const isInside = (x - 100) ** 2 + (y - 120) ** 2 < 70 ** 2;
      const pixel = isInside
        ? [255 - Math.floor(x / 2), 40 + Math.floor(y / 4), 30]
        : [x, y, Math.floor((x + y) / 2)];
      rgb.set(pixel, (y * SIDE + x) * 3);
    }
  return rgb;
}

/** Logits. */
export const goldenScores = JSON.parse(
  readFileSync(join(repoRoot, 'tests/golden/efficientnet.json'), 'utf8'),
) as {
  readonly lite0: readonly number[];
  readonly tiny: readonly number[];
  /** The picture at 20 x 15 as Pillow's BICUBIC makes it; and at 5 x 4, from there at 13 x 9. */
  readonly cubic: readonly [readonly number[], readonly number[]];
};

/** The largest difference between scores. */
export function worstError(got: ArrayLike<number>, want: readonly number[]): number {
  return Math.max(...want.map((value, i) => Math.abs(value - got[i]!)));
}
