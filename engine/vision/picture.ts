/**
 * PNG and JPEG files as pixels. A file of some bytes may claim to be of any size, so that sizes are read
 * off the headers and bounded before a decoder sees the file, and what a PNG inflates to is counted
 * before it is kept.
 */
import { convertIndexedToRgb, decode as decodePngFile } from 'fast-png';
import { Unzlib } from 'fflate';
import { decode as decodeJpegFile } from 'jpeg-js';
import { joinBytes } from '../base/joined.ts';
import { EngineError } from '../base/errors.ts';

/** A PNG takes 9 bytes a pixel for a moment, a JPEG with its decoder's tables 33 (measured). */
export const MAX_PNG_PIXELS = 2 * 1024 * 1024;
export const MAX_JPEG_PIXELS = 1024 * 1024;
export const MAX_PICTURE_SIDE = 16_384;
/** Memory of the decoder. */
const JPEG_MAX_MB = 40;
/** A progressive picture has about ten scans; each goes over all of it. */
const MAX_JPEG_SCANS = 40;
const INFLATE_STEP = 4096;

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Rows of red, green, blue, [height, width, 3]. */
  readonly rgb: Uint8Array;
}

interface Size {
  readonly width: number;
  readonly height: number;
}

interface Format {
  readonly magic: readonly number[];
  readonly decode: (bytes: Uint8Array) => Picture;
}

const FORMATS: readonly Format[] = [
  { magic: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a], decode: decodePng },
  { magic: [0xff, 0xd8, 0xff], decode: decodeJpeg },
];

/** Transparent parts are shown on white. @throws {EngineError} E_IMAGE_INVALID */
export function decodePicture(bytes: Uint8Array): Picture {
  const format = FORMATS.find(({ magic }) => magic.every((byte, i) => bytes[i] === byte));
  if (format === undefined) throw invalidPicture('is not a supported image', 'PNG or JPEG');
  try {
    return format.decode(bytes);
  } catch (cause) {
    if (cause instanceof EngineError) throw cause;
    const why = cause instanceof Error ? cause.message.slice(0, 200) : 'its decoder failed';
    throw invalidPicture(`is damaged (${why})`, 'a whole PNG or JPEG', cause);
  }
}

function checkSize({ width, height }: Size, maxPixels: number): Size {
  const isPossible = width > 0 && height > 0 && Math.max(width, height) <= MAX_PICTURE_SIDE;
  if (isPossible && width * height <= maxPixels) return { width, height };
  throw invalidPicture(
    `is ${width} x ${height} pixels`,
    `at most ${maxPixels} pixels and ${MAX_PICTURE_SIDE} a side; make it smaller`,
  );
}

// PNG (w3.org/TR/png)

/** Those that make pixels; texts and profiles may inflate to anything. */
const NEEDED_CHUNKS: readonly string[] = ['IHDR', 'PLTE', 'tRNS', 'IDAT', 'IEND'];
/** Samples a pixel by colour type. */
const PNG_CHANNELS: Readonly<Record<number, number>> = { 0: 1, 2: 3, 3: 1, 4: 2, 6: 4 };

function decodePng(bytes: Uint8Array): Picture {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (bytes.length < 33) throw invalidPicture('is cut off', 'a whole PNG');
  const { width, height } = checkSize(
    { width: view.getUint32(16), height: view.getUint32(20) },
    MAX_PNG_PIXELS,
  );
  const [depth = 0, colour = 0] = bytes.subarray(24, 26);
  const rowBytes = 1 + Math.ceil((width * depth * (PNG_CHANNELS[colour] ?? 0)) / 8);
  const kept: Uint8Array[] = [bytes.subarray(0, 8)];
  const data: Uint8Array[] = [];
  for (let at = 8; at + 12 <= bytes.length;) {
    const length = view.getUint32(at);
    const end = at + 12 + length;
    if (end > bytes.length) throw invalidPicture('is cut off', 'a whole PNG');
    const type = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    if (NEEDED_CHUNKS.includes(type)) kept.push(bytes.subarray(at, end));
    if (type === 'IDAT') data.push(bytes.subarray(at + 8, end - 4));
    at = end;
  }
  // Seven passes of an interlaced picture begin rows of their own.
  checkInflated(data, height * rowBytes + 8 * (height + 8));
  return toRgb(decodePngFile(joinBytes(kept)), { width, height });
}

/** @throws {EngineError} E_IMAGE_INVALID when the data inflates to more than the pixels are. */
function checkInflated(parts: readonly Uint8Array[], maxBytes: number): void {
  let inflated = 0;
  const inflater = new Unzlib((chunk) => {
    inflated += chunk.length;
  });
  for (const part of parts) {
    for (let at = 0; at < part.length; at += INFLATE_STEP) {
      inflater.push(part.subarray(at, at + INFLATE_STEP), false);
      if (inflated > maxBytes)
        throw invalidPicture('inflates to more than its pixels', `at most ${maxBytes} bytes`);
    }
  }
}

type DecodedPng = ReturnType<typeof decodePngFile>;

function toRgb(png: DecodedPng, { width, height }: Size): Picture {
  const rgb = new Uint8Array(3 * width * height);
  const { data, channels, depth } = png.palette === undefined ? unpacked(png) : fromPalette(png);
  const shift = depth === 16 ? 8 : 0;
  const isGrey = channels <= 2;
  const hasAlpha = channels % 2 === 0;
  for (let i = 0; i < width * height; i++) {
    const at = i * channels;
    const alpha = hasAlpha ? (data[at + channels - 1]! >> shift) / 255 : 1;
    for (let c = 0; c < 3; c++) {
      const value = data[at + (isGrey ? 0 : c)]! >> shift;
      rgb[3 * i + c] = Math.round(255 + (value - 255) * alpha);
    }
  }
  return { width, height, rgb };
}

interface Samples {
  readonly data: DecodedPng['data'];
  readonly channels: number;
  readonly depth: number;
}

function fromPalette(png: DecodedPng): Samples {
  const channels = png.palette?.[0]?.length ?? 3;
  return { data: convertIndexedToRgb(png), channels, depth: 8 };
}

/** Grey of 1, 2 or 4 bits lies several to a byte. */
function unpacked({ data, channels, depth, width, height }: DecodedPng): Samples {
  if (depth >= 8) return { data, channels, depth };
  const rowBytes = Math.ceil((width * depth) / 8);
  const most = 2 ** depth - 1;
  const out = new Uint8Array(width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const bit = x * depth;
      const byte = data[y * rowBytes + (bit >> 3)]!;
      out[y * width + x] = (((byte >> (8 - depth - (bit & 7))) & most) * 255) / most;
    }
  }
  return { data: out, channels: 1, depth: 8 };
}

// JPEG (ITU-T T.81)

function decodeJpeg(bytes: Uint8Array): Picture {
  const size = checkSize(jpegSize(bytes), MAX_JPEG_PIXELS);
  const { data, width, height } = decodeJpegFile(bytes, {
    useTArray: true,
    formatAsRGBA: false,
    tolerantDecoding: false,
    maxResolutionInMP: MAX_JPEG_PIXELS / 1e6,
    maxMemoryUsageInMB: JPEG_MAX_MB,
  });
  if (width !== size.width || height !== size.height)
    throw invalidPicture('contradicts its own header', 'one size');
  return { width, height, rgb: data };
}

/** From the first frame header; the decoder refuses a second one of another size. */
function jpegSize(bytes: Uint8Array): Size {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let size: Size | null = null;
  let nScan = 0;
  let at = 2;
  while (at + 4 <= bytes.length) {
    if (bytes[at] !== 0xff) {
      // Inside a scan's data: on to the next marker.
      at = bytes.indexOf(0xff, at);
      if (at < 0) break;
    }
    const marker = bytes[at + 1]!;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    const hasLength = marker >= 0xc0 && marker !== 0xff && !(marker >= 0xd0 && marker <= 0xd9);
    if (isFrame && at + 9 <= bytes.length) {
      const next = { width: view.getUint16(at + 7), height: view.getUint16(at + 5) };
      if (size !== null) throw invalidPicture('has several frames', 'one');
      size = next;
    }
    if (marker === 0xda && ++nScan > MAX_JPEG_SCANS)
      throw invalidPicture('has too many scans', `at most ${MAX_JPEG_SCANS}`);
    at += hasLength ? 2 + view.getUint16(at + 2) : marker === 0xff ? 1 : 2;
  }
  if (size === null) throw invalidPicture('has no frame', 'a whole JPEG');
  return size;
}

export function invalidPicture(what: string, expected: string, cause?: unknown): EngineError {
  return new EngineError('E_IMAGE_INVALID', `image: ${what}; expected ${expected}.`, {
    param: 'image',
    cause,
  });
}
