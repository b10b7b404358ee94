/**
 * PNG files as pixels (w3.org/TR/png-3), row by row while they inflate: a large picture is made smaller on its way, and
 * what a file inflates to is counted before it is kept.
 */
import { Unzlib } from 'fflate';
import type { FlateError } from 'fflate';
import type { Steps } from '../../base/turns.ts';
import { orientationOf } from '../exif.ts';
import type { DecodedFile, DecodeOptions, Size } from '../picture.ts';
import { checkSize, fittedSize, invalidPicture } from '../picture.ts';
import { RowScaler } from '../row-scaler.ts';
import type { PngKind } from './pixel-rows.ts';
import { pixelWriter, pngKind } from './pixel-rows.ts';
import { rowBytesOf, unfilter } from './filters.ts';

/** Nothing of a size is kept, except of interlaced ones, which come as seven pictures. */
export const MAX_PNG_PIXELS = 24 * 1024 * 1024;
export const MAX_INTERLACED_PIXELS = 4 * 1024 * 1024;
/** Input at a time: at most 4 MB inflated. */
const INFLATE_STEP = 4096;

/** First column and row of each pass, and the steps between them (8.2, Adam7). */
const ADAM7 = [
  { x: 0, y: 0, dx: 8, dy: 8 },
  { x: 4, y: 0, dx: 8, dy: 8 },
  { x: 0, y: 4, dx: 4, dy: 8 },
  { x: 2, y: 0, dx: 4, dy: 4 },
  { x: 0, y: 2, dx: 2, dy: 4 },
  { x: 1, y: 0, dx: 2, dy: 2 },
  { x: 0, y: 1, dx: 1, dy: 2 },
] as const;
const WHOLE = [{ x: 0, y: 0, dx: 1, dy: 1 }] as const;

interface Header extends Size {
  readonly kind: PngKind;
  readonly isInterlaced: boolean;
}

/** @throws {EngineError} E_IMAGE_INVALID */
export function* decodePng(bytes: Uint8Array, { maxSide }: DecodeOptions): Steps<DecodedFile> {
  const header = readHeader(bytes);
  const chunks = readChunks(bytes);
  const scaler = new RowScaler(header, fittedSize(header, maxSide));
  const rows = new Rows(
    header,
    pixelWriter(header.kind, chunks.palette, chunks.transparency),
    scaler,
  );
  const inflater = new Unzlib((chunk) => rows.take(chunk));
  for (const part of chunks.data)
    for (let at = 0; at < part.length; at += INFLATE_STEP) {
      inflate(inflater, part.subarray(at, at + INFLATE_STEP));
      yield;
    }
  rows.finish();
  const { width, height } = header;
  return { picture: scaler.finish(), width, height, orientation: chunks.orientation };
}

/** Errors of the library have a number. @throws {EngineError} E_IMAGE_INVALID */
function inflate(inflater: Unzlib, part: Uint8Array): void {
  try {
    inflater.push(part, false);
  } catch (cause) {
    if (!(cause instanceof Error) || typeof (cause as FlateError).code !== 'number') throw cause;
    throw invalidPicture(`is damaged (${cause.message})`, 'a whole PNG', cause);
  }
}

function readHeader(bytes: Uint8Array): Header {
  if (bytes.length < 33) throw invalidPicture('is cut off', 'a whole PNG');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const isInterlaced = bytes[28] === 1;
  const size = checkSize(
    { width: view.getUint32(16), height: view.getUint32(20) },
    isInterlaced ? MAX_INTERLACED_PIXELS : MAX_PNG_PIXELS,
  );
  return { ...size, kind: pngKind(bytes[24]!, bytes[25]!), isInterlaced };
}

interface Chunks {
  readonly palette: Uint8Array;
  readonly transparency: Uint8Array;
  readonly data: readonly Uint8Array[];
  readonly orientation: number;
}

/** Those that make pixels; texts and profiles may inflate to anything, and are passed over. */
function readChunks(bytes: Uint8Array): Chunks {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const data: Uint8Array[] = [];
  const single = new Map<string, Uint8Array>();
  for (let at = 8; at + 12 <= bytes.length;) {
    const end = at + 12 + view.getUint32(at);
    if (end > bytes.length) throw invalidPicture('is cut off', 'a whole PNG');
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const body = bytes.subarray(at + 8, end - 4);
    if (type === 'IDAT') data.push(body);
    else single.set(type, body);
    if (type === 'IEND') break;
    at = end;
  }
  const none = new Uint8Array(0);
  return {
    palette: single.get('PLTE') ?? none,
    transparency: single.get('tRNS') ?? none,
    data,
    orientation: orientationOf(single.get('eXIf') ?? none),
  };
}

/** Inflated bytes as rows of pixels. */
class Rows {
  readonly #header: Header;
  readonly #write: ReturnType<typeof pixelWriter>;
  readonly #scaler: RowScaler;
  /** Of an interlaced picture, until all passes were read; else one row. */
  readonly #pixels: Uint8Array;
  readonly #passes: readonly Pass[];
  readonly #maxBytes: number;
  #pass = 0;
  #y = 0;
  #row: Uint8Array;
  #before: Uint8Array;
  #nFilled = 0;
  #nByte = 0;

  constructor(header: Header, write: ReturnType<typeof pixelWriter>, scaler: RowScaler) {
    this.#header = header;
    this.#write = write;
    this.#scaler = scaler;
    const { width, height, isInterlaced } = header;
    this.#passes = passesOf(header);
    this.#pixels = new Uint8Array(3 * width * (isInterlaced ? height : 1));
    const needed = this.#passes.reduce(
      (sum, { rowBytes, size }) => sum + rowBytes * size.height,
      0,
    );
    // Some encoders write a little more than they should.
    this.#maxBytes = needed + 8 * (height + 8);
    this.#row = new Uint8Array(this.#passes[0]!.rowBytes);
    this.#before = new Uint8Array(this.#row.length);
  }

  take(chunk: Uint8Array): void {
    this.#nByte += chunk.length;
    if (this.#nByte > this.#maxBytes)
      throw invalidPicture('inflates to more than its pixels', `at most ${this.#maxBytes} bytes`);
    for (let at = 0; at < chunk.length && this.#pass < this.#passes.length;) {
      const part = chunk.subarray(at, at + this.#row.length - this.#nFilled);
      this.#row.set(part, this.#nFilled);
      this.#nFilled += part.length;
      at += part.length;
      if (this.#nFilled === this.#row.length) this.#endRow();
    }
  }

  finish(): void {
    if (this.#pass < this.#passes.length)
      throw invalidPicture('is damaged (its rows end early)', 'a whole PNG');
    if (!this.#header.isInterlaced) return;
    const rowLength = 3 * this.#header.width;
    for (let at = 0; at < this.#pixels.length; at += rowLength)
      this.#scaler.push(this.#pixels.subarray(at, at + rowLength));
  }

  #endRow(): void {
    const { size, x, y, dx, dy } = this.#passes[this.#pass]!;
    const { width, kind, isInterlaced } = this.#header;
    unfilter(this.#row, this.#before, kind.pixelBytes);
    const start = isInterlaced ? 3 * ((y + this.#y * dy) * width + x) : 0;
    this.#write(this.#row, size.width, this.#pixels, start, 3 * dx);
    if (!isInterlaced) this.#scaler.push(this.#pixels);
    [this.#row, this.#before] = [this.#before, this.#row];
    this.#nFilled = 0;
    if (++this.#y < size.height) return;
    this.#y = 0;
    this.#pass++;
    this.#row = new Uint8Array(this.#passes[this.#pass]?.rowBytes ?? 0);
    this.#before = new Uint8Array(this.#row.length);
  }
}

interface Pass {
  readonly x: number;
  readonly y: number;
  readonly dx: number;
  readonly dy: number;
  readonly size: Size;
  /** With the byte that names the filter. */
  readonly rowBytes: number;
}

/** Passes that have pixels: of small pictures, some have none. */
function passesOf({ width, height, kind, isInterlaced }: Header): Pass[] {
  return (isInterlaced ? ADAM7 : WHOLE)
    .map((pass) => {
      const size = {
        width: Math.ceil((width - pass.x) / pass.dx),
        height: Math.ceil((height - pass.y) / pass.dy),
      };
      return { ...pass, size, rowBytes: 1 + rowBytesOf(size.width, kind.pixelBits) };
    })
    .filter(({ size }) => size.width > 0 && size.height > 0);
}
