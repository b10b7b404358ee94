/** Rows of PNG as red, green and blue; transparent parts are shown on white. */
import { invalidPicture } from '../picture.ts';

export interface PngKind {
  readonly depth: number;
  readonly colour: number;
  readonly pixelBits: number;
  /** At least 1. */
  readonly pixelBytes: number;
}

const GREY = 0;
const RGB = 2;
const INDEXED = 3;
/** Samples a pixel, and bits a sample, by colour type (table 11.1). */
const CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };
const DEPTHS: Readonly<Record<number, readonly number[]>> = {
  0: [1, 2, 4, 8, 16],
  2: [8, 16],
  3: [1, 2, 4, 8],
  4: [8, 16],
  6: [8, 16],
};

/** @throws {EngineError} E_IMAGE_INVALID */
export function pngKind(depth: number, colour: number): PngKind {
  if (DEPTHS[colour]?.includes(depth) !== true)
    throw invalidPicture(`is damaged (colour type ${colour} of ${depth} bits)`, 'a whole PNG');
  const pixelBits = depth * CHANNELS[colour]!;
  return { depth, colour, pixelBits, pixelBytes: Math.max(1, pixelBits >> 3) };
}

/** Writes the pixels of a row (after its filter's byte) to `to` from `start`, every `step` bytes. */
export type WritePixels = (
  row: Uint8Array,
  width: number,
  to: Uint8Array,
  start: number,
  step: number,
) => void;

export function pixelWriter(
  kind: PngKind,
  palette: Uint8Array,
  transparency: Uint8Array,
): WritePixels {
  if (kind.colour === INDEXED) return indexedWriter(kind, palette, transparency);
  if (kind.depth < 8) return packedGreyWriter(kind, transparency);
  return sampleWriter(kind, transparency);
}

/** What a value becomes on white, by how opaque it is, 0 to 1. */
function onWhite(value: number, alpha: number): number {
  return Math.round(255 + (value - 255) * alpha);
}

/** Pixels that are a number of `depth` bits: a colour for each. */
function tableWriter(depth: number, colours: Uint8Array): WritePixels {
  const mask = (1 << depth) - 1;
  return (row, width, to, start, step) => {
    for (let x = 0, at = start; x < width; x++, at += step) {
      const bit = x * depth;
      const index = 3 * ((row[1 + (bit >> 3)]! >> (8 - depth - (bit & 7))) & mask);
      to[at] = colours[index]!;
      to[at + 1] = colours[index + 1]!;
      to[at + 2] = colours[index + 2]!;
    }
  };
}

/** Numbers beyond the palette are black. */
function indexedWriter({ depth }: PngKind, palette: Uint8Array, alphas: Uint8Array): WritePixels {
  const colours = new Uint8Array(3 * 256);
  for (let i = 0; i < Math.min(palette.length, colours.length); i++)
    colours[i] = onWhite(palette[i]!, (alphas[Math.floor(i / 3)] ?? 255) / 255);
  return tableWriter(depth, colours);
}

function packedGreyWriter({ depth }: PngKind, transparency: Uint8Array): WritePixels {
  const most = (1 << depth) - 1;
  const clear = transparency.length >= 2 ? (transparency[0]! << 8) | transparency[1]! : -1;
  const colours = new Uint8Array(3 * (most + 1));
  for (let value = 0; value <= most; value++)
    colours.fill(value === clear ? 255 : (value * 255) / most, 3 * value, 3 * value + 3);
  return tableWriter(depth, colours);
}

/** Samples of 8 or 16 bits; of 16 the first byte counts. */
function sampleWriter({ depth, colour }: PngKind, transparency: Uint8Array): WritePixels {
  const nByte = depth >> 3;
  const channels = CHANNELS[colour]!;
  const hasAlpha = channels % 2 === 0;
  const [green, blue] = channels <= 2 ? [0, 0] : [nByte, 2 * nByte];
  const clear = clearColour(colour, transparency);
  const isClear = (row: Uint8Array, from: number) =>
    clear.every((value, c) => {
      const at = from + c * nByte;
      return value === (nByte === 1 ? row[at]! : (row[at]! << 8) | row[at + 1]!);
    });
  return (row, width, to, start, step) => {
    for (let x = 0, at = start; x < width; x++, at += step) {
      const from = 1 + x * channels * nByte;
      let alpha = hasAlpha ? row[from + (channels - 1) * nByte]! : 255;
      if (clear.length > 0 && isClear(row, from)) alpha = 0;
      if (alpha === 255) {
        to[at] = row[from]!;
        to[at + 1] = row[from + green]!;
        to[at + 2] = row[from + blue]!;
        continue;
      }
      to[at] = onWhite(row[from]!, alpha / 255);
      to[at + 1] = onWhite(row[from + green]!, alpha / 255);
      to[at + 2] = onWhite(row[from + blue]!, alpha / 255);
    }
  };
}

/** The one colour that is transparent, by sample; none for an empty list. */
function clearColour(colour: number, transparency: Uint8Array): readonly number[] {
  const n = colour === GREY ? 1 : colour === RGB ? 3 : 0;
  if (n === 0 || transparency.length < 2 * n) return [];
  return Array.from(
    { length: n },
    (_, c) => (transparency[2 * c]! << 8) | transparency[2 * c + 1]!,
  );
}
