/**
 * Blocks of coefficients as pixels, at full size or smaller: the lowest N x N of the 8 x 8 coefficients,
 * transformed back at N points, are the block at N / 8 of its size.
 */

/** Pixels a side that a block of 8 x 8 becomes. */
export type BlockSide = 1 | 2 | 4 | 8;

/** Multiplies the coefficients of a block, in rows. */
export type Multipliers = Float32Array;

/** What Arai, Agui and Nakajima's transform leaves to the multipliers (as in libjpeg's jidctflt.c). */
const AAN = [
  1, 1.387039845, 1.306562965, 1.175875602, 1, 0.785694958, 0.5411961, 0.275899379,
] as const;

/**
 * @param quantization by row and column, [8, 8]
 * @returns [side, side]
 */
export function multipliersOf(quantization: Uint16Array, side: BlockSide): Multipliers {
  const out = new Float32Array(side * side);
  for (let v = 0; v < side; v++)
    for (let u = 0; u < side; u++) {
      const weight = side === 8 ? (AAN[v]! * AAN[u]!) / 8 : 1;
      out[v * side + u] = quantization[8 * v + u]! * weight;
    }
  return out;
}

/**
 * Writes the pixels of a block.
 * @param coefficients [side, side] from `at`
 * @param to the plane of a component, from `start`, rows of `stride`
 */
export type Transform = (
  coefficients: Int16Array,
  at: number,
  multipliers: Multipliers,
  to: Uint8ClampedArray,
  start: number,
  stride: number,
) => void;

export function transformOf(side: BlockSide): Transform {
  if (side === 8) return wholeBlock;
  return side === 1 ? meanOfBlock : smallBlock(side);
}

/** Samples are stored less 128 (A.3.1). */
const LEVEL = 128;

const meanOfBlock: Transform = (coefficients, at, multipliers, to, start) => {
  to[start] = (coefficients[at]! * multipliers[0]!) / 8 + LEVEL;
};

/** cosines[u][i]: weight of coefficient u in pixel i, [side, side]. */
function smallBlock(side: 2 | 4): Transform {
  const cosines = new Float32Array(side * side);
  for (let u = 0; u < side; u++)
    for (let i = 0; i < side; i++)
      cosines[u * side + i] =
        Math.sqrt((u === 0 ? 1 : 2) / 8) * Math.cos(((2 * i + 1) * u * Math.PI) / (2 * side));
  const half = new Float32Array(side * side);
  return (coefficients, at, multipliers, to, start, stride) => {
    for (let v = 0; v < side; v++)
      for (let i = 0; i < side; i++) {
        let sum = 0;
        for (let u = 0; u < side; u++)
          sum +=
            coefficients[at + v * side + u]! * multipliers[v * side + u]! * cosines[u * side + i]!;
        half[v * side + i] = sum;
      }
    for (let j = 0; j < side; j++)
      for (let i = 0; i < side; i++) {
        let sum = LEVEL;
        for (let v = 0; v < side; v++) sum += half[v * side + i]! * cosines[v * side + j]!;
        to[start + j * stride + i] = sum;
      }
  };
}

const work = new Float32Array(64);

const wholeBlock: Transform = (coefficients, at, multipliers, to, start, stride) => {
  let isFlat = true;
  for (let i = 1; i < 64; i++)
    if (coefficients[at + i] !== 0) {
      isFlat = false;
      break;
    }
  if (isFlat) {
    const value = coefficients[at]! * multipliers[0]! + LEVEL;
    for (let y = 0; y < 8; y++) to.fill(value, start + y * stride, start + y * stride + 8);
    return;
  }
  for (let i = 0; i < 64; i++) work[i] = coefficients[at + i]! * multipliers[i]!;
  for (let x = 0; x < 8; x++) eightPoints(x, 8);
  for (let y = 0; y < 8; y++) {
    eightPoints(8 * y, 1);
    const row = start + y * stride;
    for (let x = 0; x < 8; x++) to[row + x] = work[8 * y + x]! + LEVEL;
  }
};

/** One row or column of `work`, in place (Arai, Agui and Nakajima 1988, as in libjpeg's jidctflt.c). */
function eightPoints(at: number, step: number): void {
  const i1 = at + step;
  const i2 = i1 + step;
  const i3 = i2 + step;
  const i4 = i3 + step;
  const i5 = i4 + step;
  const i6 = i5 + step;
  const i7 = i6 + step;
  // Even part.
  const sum04 = work[at]! + work[i4]!;
  const difference04 = work[at]! - work[i4]!;
  const sum26 = work[i2]! + work[i6]!;
  const rotated26 = (work[i2]! - work[i6]!) * 1.414213562 - sum26;
  const even0 = sum04 + sum26;
  const even3 = sum04 - sum26;
  const even1 = difference04 + rotated26;
  const even2 = difference04 - rotated26;
  // Odd part.
  const z13 = work[i5]! + work[i3]!;
  const z10 = work[i5]! - work[i3]!;
  const z11 = work[i1]! + work[i7]!;
  const z12 = work[i1]! - work[i7]!;
  const odd0 = z11 + z13;
  const z5 = (z10 + z12) * 1.847759065;
  const odd1 = z5 - z10 * 2.61312593 - odd0;
  const odd2 = (z11 - z13) * 1.414213562 - odd1;
  const odd3 = z5 - z12 * 1.0823922 - odd2;
  work[at] = even0 + odd0;
  work[i7] = even0 - odd0;
  work[i1] = even1 + odd1;
  work[i6] = even1 - odd1;
  work[i2] = even2 + odd2;
  work[i5] = even2 - odd2;
  work[i3] = even3 + odd3;
  work[i4] = even3 - odd3;
}
