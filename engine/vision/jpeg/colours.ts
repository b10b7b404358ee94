/** Samples of a JPEG's components as red, green and blue: a row per way of storing colours. */

/** Rows of samples by component, and the place of each pixel's sample in them. */
export interface SampleRows {
  readonly planes: readonly Uint8ClampedArray[];
  /** By component: where its row begins. */
  readonly starts: readonly number[];
  /** By component: by pixel, the column of its sample. */
  readonly columns: readonly Int32Array[];
}

/** Writes a row of pixels, [width, 3]. */
export type WriteRow = (rows: SampleRows, width: number, to: Uint8ClampedArray) => void;

export type ColourKind = 'grey' | 'rgb' | 'ycc' | 'cmyk' | 'ycck';

/**
 * @param adobe the transform that Adobe's segment names; null without one
 * @param ids of the components
 */
export function colourKind(ids: readonly number[], adobe: number | null): ColourKind {
  if (ids.length === 1) return 'grey';
  if (ids.length === 4) return adobe === 2 ? 'ycck' : 'cmyk';
  const isNamed = ids.every((id, i) => id === 'RGB'.charCodeAt(i));
  return adobe === 0 || (adobe === null && isNamed) ? 'rgb' : 'ycc';
}

export const COLOUR_ROWS: Readonly<Record<ColourKind, WriteRow>> = {
  grey: ({ planes, starts }, width, to) => {
    const plane = planes[0]!;
    const start = starts[0]!;
    for (let x = 0, at = 0; x < width; x++, at += 3)
      to[at] = to[at + 1] = to[at + 2] = plane[start + x]!;
  },
  rgb: (rows, width, to) => {
    for (let c = 0; c < 3; c++) {
      const plane = rows.planes[c]!;
      const columns = rows.columns[c]!;
      const start = rows.starts[c]!;
      for (let x = 0; x < width; x++) to[3 * x + c] = plane[start + columns[x]!]!;
    }
  },
  ycc: writeYcc,
  cmyk: (rows, width, to) => {
    COLOUR_ROWS.rgb(rows, width, to);
    multiplyByBlack(rows, width, to);
  },
  ycck: (rows, width, to) => {
    writeYcc(rows, width, to);
    for (let i = 0; i < 3 * width; i++) to[i] = 255 - to[i]!;
    multiplyByBlack(rows, width, to);
  },
};

/** ITU-T T.871, 7. */
function writeYcc({ planes, starts, columns }: SampleRows, width: number, to: Uint8ClampedArray) {
  const [luma, blue, red] = [planes[0]!, planes[1]!, planes[2]!];
  const [lumaAt, blueAt, redAt] = [starts[0]!, starts[1]!, starts[2]!];
  const [lumaOf, blueOf, redOf] = [columns[0]!, columns[1]!, columns[2]!];
  for (let x = 0, at = 0; x < width; x++, at += 3) {
    const y = luma[lumaAt + lumaOf[x]!]!;
    const cb = blue[blueAt + blueOf[x]!]! - 128;
    const cr = red[redAt + redOf[x]!]! - 128;
    to[at] = y + 1.402 * cr;
    to[at + 1] = y - 0.344136286 * cb - 0.714136286 * cr;
    to[at + 2] = y + 1.772 * cb;
  }
}

/** Inks are stored as what they leave of the paper's light, which is what Adobe's programs write. */
function multiplyByBlack(
  { planes, starts, columns }: SampleRows,
  width: number,
  to: Uint8ClampedArray,
) {
  const plane = planes[3]!;
  const columnOf = columns[3]!;
  for (let x = 0, at = 0; x < width; x++, at += 3) {
    const light = plane[starts[3]! + columnOf[x]!]! / 255;
    to[at] = to[at]! * light;
    to[at + 1] = to[at + 1]! * light;
    to[at + 2] = to[at + 2]! * light;
  }
}
