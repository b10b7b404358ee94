/**
 * Vectors of pictures by an image encoder, made once for each picture and kept in a file: a line of JSON that says whose they
 * are, then for each picture the SHA-256 of its file and its vectors as halves. What was cut off while it was written is
 * made again.
 */
import { open, readFile } from 'node:fs/promises';
import { EngineError, throwIfAborted } from '../../../engine/base/errors.ts';
import { joinBytes } from '../../../engine/base/joined.ts';
import { f16ToF32, f32ToF16, MAX_HALF } from '../../../engine/quant/half.ts';
import { decodePicture } from '../../../engine/vision/decode-picture.ts';
import { resize } from '../../../engine/vision/resize.ts';
import { asDiskError } from '../../lib/disk.ts';
import { hashOfHashes } from '../../lib/hash-file.ts';
import type { LocalImageEncoder } from '../../node-host/image-encoder.ts';

const HASH_BYTES = 32;
const HALF_BYTES = 2;
/** Bytes of a picture's file. */
const MAX_FILE_BYTES = 64 * 1024 * 1024;

/** A picture's file as it was read. */
export interface PictureFile {
  readonly path: string;
  /** SHA-256 of its bytes, in hex. */
  readonly sha256: string;
}

export interface FeatureOptions {
  /** File that keeps them. */
  readonly file: string;
  /** Vectors a side. */
  readonly grid: number;
  /** Whether pictures are looked at the other way round, left for right. */
  readonly isMirrored?: boolean;
  readonly signal: AbortSignal;
  readonly onPicture: (nDone: number, nPicture: number) => void;
}

/** Halves [grid * grid, nFeature] by the SHA-256 of a picture's file. */
export type Features = ReadonlyMap<string, Uint16Array>;

/**
 * The vectors of pictures, those that are missing made now.
 * @throws {EngineError} E_USAGE for a picture that cannot be read, by its path; E_IMAGE_INVALID; E_ABORTED, what was made is
 *   kept then; E_DISK
 */
export async function readFeatures(
  pictures: readonly PictureFile[],
  encoder: LocalImageEncoder,
  options: FeatureOptions,
): Promise<Features> {
  const { file, grid, isMirrored = false, signal, onPicture } = options;
  const nValue = grid * grid * encoder.manifest.config.nFeature;
  const mirrored = isMirrored ? { mirrored: true } : {};
  const header = `${JSON.stringify({ encoder: encoderWeights(encoder), grid, nValue, ...mirrored })}\n`;
  const known = await readKept(file, header, nValue);
  const missing = pictures.filter(({ sha256 }) => !known.has(sha256));
  if (missing.length === 0) return known;
  const out = await open(file, 'a').catch((error: unknown) => {
    throw asDiskError(error, file, 'finetune');
  });
  try {
    let nDone = 0;
    for (const { path, sha256 } of missing) {
      throwIfAborted(signal, 'finetune: cut off while pictures were looked at');
      if (!known.has(sha256)) {
        const values = await lookAt(path, encoder, grid, isMirrored);
        const bytes = joinBytes([
          bytesOfHex(sha256),
          new Uint8Array(values.buffer, values.byteOffset, values.byteLength),
        ]);
        await out.writeFile(bytes).catch((error: unknown) => {
          throw asDiskError(error, file, 'finetune');
        });
        known.set(sha256, values);
      }
      onPicture(++nDone, missing.length);
    }
  } finally {
    await out.close();
  }
  return known;
}

/** Whose weights made them: another precision gives other vectors. */
function encoderWeights({ manifest: { shards } }: LocalImageEncoder): string {
  return hashOfHashes(shards.map(({ sha256 }) => sha256));
}

/** @throws {EngineError} E_IMAGE_INVALID, E_USAGE */
export async function lookAt(
  path: string,
  { engine, manifest }: Pick<LocalImageEncoder, 'engine' | 'manifest'>,
  grid: number,
  isMirrored = false,
): Promise<Uint16Array> {
  const { side } = manifest.config;
  const bytes = await readPicture(path);
  const { rgb } = resize(decodePicture(bytes), side, side, 'cubic');
  const values = await engine.look(isMirrored ? mirrored(rgb, side) : rgb, grid);
  return Uint16Array.from(values, (value) => f32ToF16(Math.min(value, MAX_HALF)));
}

/** @param rgb [side, side, 3] */
function mirrored(rgb: Uint8Array, side: number): Uint8Array {
  const out = new Uint8Array(rgb.length);
  for (let at = 0; at < side * side; at++) {
    const x = at % side;
    const from = (at - x + (side - 1 - x)) * 3;
    out.set(rgb.subarray(from, from + 3), at * 3);
  }
  return out;
}

/** @throws {EngineError} E_USAGE */
export async function readPicture(path: string): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new EngineError(
      'E_USAGE',
      `images: ${path} cannot be read. Pictures lie beside the file that names them; correct the path.`,
      { param: 'images', cause },
    );
  });
  if (bytes.length <= MAX_FILE_BYTES) return new Uint8Array(bytes);
  throw new EngineError(
    'E_USAGE',
    `images: ${path}: ${bytes.length} bytes; expected at most ${MAX_FILE_BYTES}. Make it smaller.`,
    { param: 'images' },
  );
}

const bytesOfHex = (hex: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from(hex.match(/../g) ?? [], (pair) => parseInt(pair, 16));
const hexOf = (bytes: Uint8Array): string =>
  Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');

/** What a file keeps already; a file of other vectors is begun anew. */
async function readKept(
  file: string,
  header: string,
  nValue: number,
): Promise<Map<string, Uint16Array>> {
  const bytes = await readFile(file).catch(() => new Uint8Array());
  const found = new Map<string, Uint16Array>();
  const head = new TextEncoder().encode(header);
  const isOurs = bytes.length >= head.length && head.every((byte, i) => bytes[i] === byte);
  const recordBytes = HASH_BYTES + nValue * HALF_BYTES;
  let at = head.length;
  if (isOurs)
    for (; at + recordBytes <= bytes.length; at += recordBytes) {
      const sha256 = hexOf(bytes.subarray(at, at + HASH_BYTES));
      // A copy, which is aligned.
      const values = bytes.slice(at + HASH_BYTES, at + recordBytes);
      found.set(sha256, new Uint16Array(new Uint8Array(values).buffer));
    }
  const whole = isOurs ? bytes.subarray(0, at) : head;
  if (whole.length !== bytes.length || !isOurs) {
    const out = await open(file, isOurs ? 'r+' : 'w').catch((error: unknown) => {
      throw asDiskError(error, file, 'finetune');
    });
    if (isOurs) await out.truncate(whole.length);
    else await out.writeFile(head);
    await out.close();
  }
  return found;
}

/** Means and deviations of each channel over all vectors of some pictures. */
export interface ChannelScale {
  readonly mean: Float32Array;
  readonly deviation: Float32Array;
}

/** Channels that hardly change are not made large. */
const MIN_DEVIATION = 1e-3;

/** @param vectors halves [n, width] of each picture, at least one */
export function channelScale(vectors: readonly Uint16Array[], width: number): ChannelScale {
  const [sum, squares] = [new Float64Array(width), new Float64Array(width)];
  let n = 0;
  for (const halves of vectors) {
    for (const [i, bits] of halves.entries()) {
      const value = f16ToF32(bits);
      sum[i % width]! += value;
      squares[i % width]! += value * value;
    }
    n += halves.length / width;
  }
  const mean = Float32Array.from(sum, (total) => total / n);
  const deviation = Float32Array.from(squares, (total, i) =>
    Math.max(MIN_DEVIATION, Math.sqrt(Math.max(0, total / n - (sum[i]! / n) ** 2))),
  );
  return { mean, deviation };
}
