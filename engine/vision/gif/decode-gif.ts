/** The first frame of a GIF file as pixels (GIF89a specification, W3C); transparent parts are shown on white. */
import type { Steps } from '../../base/turns.ts';
import type { DecodedFile, DecodeOptions, Size } from '../picture.ts';
import { checkSize, fittedSize, invalidPicture } from '../picture.ts';
import { RowScaler } from '../row-scaler.ts';
import { lzwSteps } from './lzw.ts';

/** One byte a pixel is kept. */
export const MAX_GIF_PIXELS = 16 * 1024 * 1024;
const HEADER_BYTES = 13;
const EXTENSION = 0x21;
const GRAPHIC_CONTROL = 0xf9;
const IMAGE = 0x2c;
/** Blocks before the first frame. */
const MAX_BLOCKS = 10_000;

/** Rows of an interlaced frame: first row and step of each pass (appendix E). */
const PASSES = [
  [0, 8],
  [4, 8],
  [2, 4],
  [1, 2],
] as const;

interface Frame extends Size {
  readonly left: number;
  readonly top: number;
  readonly isInterlaced: boolean;
  /** Red, green, blue of each number. [256, 3] */
  readonly colours: Uint8Array;
  /** Number that shows what is below; -1 for none. */
  readonly clear: number;
  readonly codeBits: number;
  /** Its codes, in blocks. */
  readonly dataAt: number;
}

/** @throws {EngineError} E_IMAGE_INVALID */
export function* decodeGif(bytes: Uint8Array, { maxSide }: DecodeOptions): Steps<DecodedFile> {
  const screen = checkSize({ width: u16(bytes, 6), height: u16(bytes, 8) }, MAX_GIF_PIXELS);
  const frame = findFrame(bytes, screen);
  const numbers = new Uint8Array(frame.width * frame.height);
  yield* lzwSteps(bytes, frame.dataAt, frame.codeBits, numbers);
  const scaler = new RowScaler(screen, fittedSize(screen, maxSide));
  const rowOf = rowPlaces(frame);
  const row = new Uint8Array(3 * screen.width);
  for (let y = 0; y < screen.height; y++) {
    row.fill(255);
    const own = y - frame.top;
    if (own >= 0 && own < frame.height) writeRow(frame, numbers, rowOf[own]!, row);
    scaler.push(row);
    if (y % 64 === 63) yield;
  }
  return { picture: scaler.finish(), ...screen, orientation: 1 };
}

function writeRow(
  { left, width, colours, clear }: Frame,
  numbers: Uint8Array,
  stored: number,
  row: Uint8Array,
): void {
  const visible = Math.min(width, row.length / 3 - left);
  for (let x = 0; x < visible; x++) {
    const number = numbers[stored * width + x]!;
    if (number === clear) continue;
    const to = 3 * (left + x);
    row[to] = colours[3 * number]!;
    row[to + 1] = colours[3 * number + 1]!;
    row[to + 2] = colours[3 * number + 2]!;
  }
}

/** By row of the frame: the one that it is stored as. */
function rowPlaces({ height, isInterlaced }: Frame): Int32Array {
  const places = new Int32Array(height);
  let stored = 0;
  for (const [first, step] of isInterlaced ? PASSES : ([[0, 1]] as const))
    for (let y = first; y < height; y += step) places[y] = stored++;
  return places;
}

function findFrame(bytes: Uint8Array, screen: Size): Frame {
  const flags = bytes[10] ?? 0;
  const shared = colourTable(bytes, HEADER_BYTES, flags);
  let at = HEADER_BYTES + shared.length;
  let clear = -1;
  for (let n = 0; n < MAX_BLOCKS && at < bytes.length; n++) {
    const kind = bytes[at];
    if (kind === IMAGE) return readFrame(bytes, at, shared, clear, screen);
    if (kind !== EXTENSION) break;
    const isControl = bytes[at + 1] === GRAPHIC_CONTROL && bytes[at + 2] === 4;
    if (isControl) clear = ((bytes[at + 3] ?? 0) & 1) === 1 ? (bytes[at + 6] ?? -1) : -1;
    at += 2;
    // Blocks, each after its length.
    while ((bytes[at] ?? 0) > 0) at += 1 + bytes[at]!;
    at++;
  }
  throw invalidPicture('has no frame', 'a whole GIF');
}

function readFrame(
  bytes: Uint8Array,
  at: number,
  shared: Uint8Array,
  clear: number,
  screen: Size,
): Frame {
  if (at + 11 > bytes.length) throw invalidPicture('is cut off', 'a whole GIF');
  const size = { width: u16(bytes, at + 5), height: u16(bytes, at + 7) };
  checkSize(size, MAX_GIF_PIXELS);
  const flags = bytes[at + 9]!;
  const own = colourTable(bytes, at + 10, flags);
  const colours = new Uint8Array(3 * 256);
  colours.set(own.length > 0 ? own : shared);
  const codeAt = at + 10 + own.length;
  const codeBits = bytes[codeAt] ?? 0;
  if (codeBits < 1 || codeBits > 8)
    throw invalidPicture(`is damaged (codes of ${codeBits} bits)`, 'a whole GIF');
  const [left, top] = [u16(bytes, at + 1), u16(bytes, at + 3)];
  if (left >= screen.width || top >= screen.height)
    throw invalidPicture('is damaged (its frame lies outside)', 'a whole GIF');
  return {
    ...{ ...size, left, top, colours, clear, codeBits },
    isInterlaced: (flags & 0x40) !== 0,
    dataAt: codeAt + 1,
  };
}

/** Empty where the flags say that there is none. */
function colourTable(bytes: Uint8Array, at: number, flags: number): Uint8Array {
  const length = (flags & 0x80) === 0 ? 0 : 3 * 2 ** ((flags & 7) + 1);
  if (at + length > bytes.length) throw invalidPicture('is cut off', 'a whole GIF');
  return bytes.subarray(at, at + length);
}

function u16(bytes: Uint8Array, at: number): number {
  return (bytes[at] ?? 0) | ((bytes[at + 1] ?? 0) << 8);
}
