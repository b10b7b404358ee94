/**
 * WebP files as pixels, by libwebp (jsquash's build of it) with a bound on its steps. Sizes are read off the file's
 * chunks (RFC 9649) before the decoder sees it. Each file gets a new instance, so that no memory stays taken.
 */
import createDecoder from '@jsquash/webp/codec/dec/webp_dec.js';
import { joinBytes } from '../../engine/base/joined.ts';
import type { ReadPicture } from '../../engine/vision/decode-picture.ts';
import { orientationOf } from '../../engine/vision/exif.ts';
import { oriented, swapsSides } from '../../engine/vision/orient.ts';
import type { Picture, Size } from '../../engine/vision/picture.ts';
import { checkSize, fittedSize, invalidPicture } from '../../engine/vision/picture.ts';
import { RowScaler } from '../../engine/vision/row-scaler.ts';
import { Fuel } from '../platform/fuel.ts';
import type { FueledExports } from '../platform/fuel.ts';

/** It takes up to 16 bytes a pixel. */
export const MAX_WEBP_PIXELS = 4 * 1024 * 1024;
/** Steps are 2 a pixel of a photograph and 14 of a small lossless picture, with its tables (measured). */
const STEPS_A_PIXEL = 40;
const BASE_STEPS = 5_000_000;
const RIFF_BYTES = 12;
const MAX_CHUNKS = 4096;

interface Chunk {
  readonly type: string;
  readonly body: Uint8Array;
}

export function isWebp(bytes: Uint8Array): boolean {
  return tag(bytes, 0) === 'RIFF' && tag(bytes, 8) === 'WEBP';
}

/** Transparent parts are shown on white; of animated files the first frame. @throws {EngineError} E_IMAGE_INVALID */
export async function decodeWebp(
  bytes: Uint8Array,
  module: WebAssembly.Module,
  maxSide: number,
): Promise<ReadPicture> {
  const chunks = readChunks(bytes.subarray(RIFF_BYTES));
  const still = stillOf(chunks);
  const size = checkSize(sizeOf(still), MAX_WEBP_PIXELS);
  const whole = await decodeStill(riff(still), module, size);
  const exif = chunks.find(({ type }) => type === 'EXIF')?.body ?? new Uint8Array(0);
  const orientation = orientationOf(tag(exif, 0) === 'Exif' ? exif.subarray(6) : exif);
  return {
    picture: oriented(onWhite(whole, size, maxSide), orientation),
    format: 'WEBP',
    size: swapsSides(orientation) ? { width: size.height, height: size.width } : size,
  };
}

async function decodeStill(
  bytes: Uint8Array,
  module: WebAssembly.Module,
  size: Size,
): Promise<Uint8ClampedArray> {
  // What the decoder makes its results of; Workers have none.
  Object.assign(globalThis, { ImageData: Pixels });
  let exports: FueledExports | null = null;
  const decoder = await createDecoder({
    noInitialRun: true,
    locateFile: (path) => path,
    instantiateWasm(imports, done) {
      const instance = new WebAssembly.Instance(module, imports);
      exports = instance.exports as unknown as FueledExports;
      done(instance);
      return instance.exports;
    },
  });
  if (exports === null) throw new RangeError('the decoder was not instantiated');
  const fuel = new Fuel(exports, (what) => damaged(what));
  const steps = BASE_STEPS + STEPS_A_PIXEL * size.width * size.height;
  const found = fuel.run(steps, () => decoder.decode(bytes));
  if (found === null || found.width !== size.width || found.height !== size.height)
    throw damaged('its decoder refuses it');
  return found.data;
}

class Pixels {
  readonly data: Uint8ClampedArray;
  readonly width: number;
  readonly height: number;

  constructor(data: Uint8ClampedArray, width: number, height: number) {
    this.data = data;
    this.width = width;
    this.height = height;
  }
}

function onWhite(rgba: Uint8ClampedArray, size: Size, maxSide: number): Picture {
  const scaler = new RowScaler(size, fittedSize(size, maxSide));
  const row = new Uint8ClampedArray(3 * size.width);
  for (let y = 0; y < size.height; y++) {
    for (let x = 0, at = 4 * y * size.width; x < size.width; x++, at += 4) {
      const alpha = rgba[at + 3]! / 255;
      for (let c = 0; c < 3; c++) row[3 * x + c] = 255 + (rgba[at + c]! - 255) * alpha;
    }
    scaler.push(row);
  }
  return scaler.finish();
}

/** Chunks of a picture without animation: those of the file, or of its first frame. */
function stillOf(chunks: readonly Chunk[]): readonly Chunk[] {
  const frame = chunks.find(({ type }) => type === 'ANMF');
  const own = frame === undefined ? chunks : readChunks(frame.body.subarray(16));
  const alpha = own.find(({ type }) => type === 'ALPH');
  const data = own.find(({ type }) => type === 'VP8 ' || type === 'VP8L');
  if (data === undefined) throw invalidPicture('has no frame', 'a whole WebP');
  if (alpha === undefined || data.type === 'VP8L') return [data];
  const { width, height } = sizeOf([data]);
  const extended = new Uint8Array(10);
  extended[0] = 0x10;
  const view = new DataView(extended.buffer);
  // Of 24 bits each, which overlap in the writing.
  view.setUint32(4, width - 1, true);
  view.setUint16(7, (height - 1) & 0xffff, true);
  extended[9] = (height - 1) >> 16;
  return [{ type: 'VP8X', body: extended }, alpha, data];
}

/** From the header of the frame itself. */
function sizeOf(chunks: readonly Chunk[]): Size {
  const { type, body } = chunks.at(-1)!;
  if (body.length < 10) throw invalidPicture('is cut off', 'a whole WebP');
  const view = new DataView(body.buffer, body.byteOffset, body.byteLength);
  if (type === 'VP8 ')
    return { width: view.getUint16(6, true) & 0x3fff, height: view.getUint16(8, true) & 0x3fff };
  const bits = view.getUint32(1, true);
  return { width: (bits & 0x3fff) + 1, height: ((bits >>> 14) & 0x3fff) + 1 };
}

function readChunks(bytes: Uint8Array): Chunk[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chunks: Chunk[] = [];
  for (let at = 0; at + 8 <= bytes.length && chunks.length < MAX_CHUNKS;) {
    const length = view.getUint32(at + 4, true);
    if (at + 8 + length > bytes.length) throw invalidPicture('is cut off', 'a whole WebP');
    chunks.push({ type: tag(bytes, at), body: bytes.subarray(at + 8, at + 8 + length) });
    at += 8 + length + (length % 2);
  }
  return chunks;
}

/** A file of these chunks. */
function riff(chunks: readonly Chunk[]): Uint8Array {
  const parts = chunks.flatMap(({ type, body }) => [
    ...[ascii(type), u32(body.length), body],
    new Uint8Array(body.length % 2),
  ]);
  const data = joinBytes(parts);
  return joinBytes([ascii('RIFF'), u32(data.length + 4), ascii('WEBP'), data]);
}

function damaged(what: string) {
  return invalidPicture(`is damaged (${what})`, 'a whole WebP');
}

const ascii = (text: string): Uint8Array => new TextEncoder().encode(text);

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value, true);
  return bytes;
}

function tag(bytes: Uint8Array, at: number): string {
  return String.fromCharCode(...bytes.subarray(at, at + 4));
}
