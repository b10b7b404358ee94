/**
 * Finds lines of text in an image: boxes around the connected parts of a probability map that are probable
 * enough, widened because the detector is trained on shrunken boxes (Differentiable Binarization, arXiv
 * 1911.08947). Boxes are upright; slanted text is found, but read badly.
 */

/** Pixels of the image: left, top, right, bottom; the last two are exclusive. */
export type Box = readonly [number, number, number, number];

const THRESHOLD = 0.3;
const BOX_THRESHOLD = 0.5;
/** A box grows on each side by this times its area divided by its circumference. */
const UNCLIP = 1.6;
/** Shortest side of a box in pixels of the map; smaller specks are not text. */
const MIN_SIDE = 3;
export const MAX_LINES = 64;

/**
 * @param map [height, width], 0 to 1
 * @returns boxes in pixels of an image of size `to`, in reading order.
 */
export function findLines(
  map: Float32Array,
  width: number,
  height: number,
  to: { readonly width: number; readonly height: number },
): Box[] {
  const boxes: Box[] = [];
  const seen = new Uint8Array(width * height);
  for (let start = 0; start < map.length && boxes.length < MAX_LINES; start++) {
    if (seen[start] === 1 || map[start]! < THRESHOLD) continue;
    const found = flood(map, width, height, start, seen);
    if (found !== null) boxes.push(widen(found, width, height, to));
  }
  return inReadingOrder(boxes);
}

/** The box around the area connected to `start`, or null when it is too small or too faint. */
function flood(
  map: Float32Array,
  width: number,
  height: number,
  start: number,
  seen: Uint8Array,
): Box | null {
  const todo = [start];
  seen[start] = 1;
  let [left, top, right, bottom] = [width, height, 0, 0];
  let sum = 0;
  let n = 0;
  const visit = (at: number) => {
    if (seen[at] === 1 || map[at]! < THRESHOLD) return;
    seen[at] = 1;
    todo.push(at);
  };
  while (todo.length > 0) {
    const at = todo.pop()!;
    const [x, y] = [at % width, Math.floor(at / width)];
    [left, top] = [Math.min(left, x), Math.min(top, y)];
    [right, bottom] = [Math.max(right, x + 1), Math.max(bottom, y + 1)];
    sum += map[at]!;
    n++;
    if (x > 0) visit(at - 1);
    if (x + 1 < width) visit(at + 1);
    if (y > 0) visit(at - width);
    if (y + 1 < height) visit(at + width);
  }
  const isText = Math.min(right - left, bottom - top) >= MIN_SIDE && sum / n >= BOX_THRESHOLD;
  return isText ? [left, top, right, bottom] : null;
}

function widen(
  [left, top, right, bottom]: Box,
  width: number,
  height: number,
  to: { readonly width: number; readonly height: number },
): Box {
  const [w, h] = [right - left, bottom - top];
  const by = (w * h * UNCLIP) / (2 * (w + h));
  const [sx, sy] = [to.width / width, to.height / height];
  return [
    Math.max(0, Math.floor((left - by) * sx)),
    Math.max(0, Math.floor((top - by) * sy)),
    Math.min(to.width, Math.ceil((right + by) * sx)),
    Math.min(to.height, Math.ceil((bottom + by) * sy)),
  ];
}

/** Top to bottom; boxes whose middle lies within another's height are in its row, left to right. */
function inReadingOrder(boxes: readonly Box[]): Box[] {
  const rows: Box[][] = [];
  for (const box of boxes.toSorted((a, b) => a[1] - b[1])) {
    const middle = (box[1] + box[3]) / 2;
    const row = rows.find(
      ([first]) => first !== undefined && first[1] < middle && middle < first[3],
    );
    if (row === undefined) rows.push([box]);
    else row.push(box);
  }
  return rows.flatMap((row) => row.toSorted((a, b) => a[0] - b[0]));
}
