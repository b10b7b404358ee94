/** Plain references of convolutions, channels last, in float64. */

export interface DepthwiseShape {
  readonly height: number;
  readonly width: number;
  readonly outHeight: number;
  readonly outWidth: number;
  readonly n: number;
  readonly kernel: number;
  readonly step: number;
  /** Rows and columns of zeros before the picture. */
  readonly before: number;
}

/** @param x [height, width, n] @param w [kernel * kernel, n] @returns [outHeight, outWidth, n] */
export function depthwiseReference(
  x: ArrayLike<number>,
  w: ArrayLike<number>,
  bias: ArrayLike<number>,
  { height, width, outHeight, outWidth, n, kernel, step, before }: DepthwiseShape,
): Float64Array {
  const out = new Float64Array(outHeight * outWidth * n);
  for (let oy = 0; oy < outHeight; oy++)
    for (let ox = 0; ox < outWidth; ox++)
      for (let c = 0; c < n; c++) {
        let sum = bias[c]!;
        for (let ky = 0; ky < kernel; ky++)
          for (let kx = 0; kx < kernel; kx++) {
            const [iy, ix] = [oy * step + ky - before, ox * step + kx - before];
            if (iy < 0 || ix < 0 || iy >= height || ix >= width) continue;
            sum += x[(iy * width + ix) * n + c]! * w[(ky * kernel + kx) * n + c]!;
          }
        out[(oy * outWidth + ox) * n + c] = sum;
      }
  return out;
}
