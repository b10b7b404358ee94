/** Pixels of a picture, bounds on the files they come from, and the error of those that cannot be read. */
import { EngineError } from '../base/errors.ts';

export interface Picture {
  readonly width: number;
  readonly height: number;
  /** Rows of red, green, blue, [height, width, 3]. */
  readonly rgb: Uint8Array;
}

export interface Size {
  readonly width: number;
  readonly height: number;
}

export const MAX_PICTURE_SIDE = 16_384;
/** Longest side of a decoded picture where the caller names none. */
export const DEFAULT_MAX_SIDE = 2048;

/** What a decoder is asked for. */
export interface DecodeOptions {
  /** Longest side of the result in pixels: a larger picture is made smaller, a smaller one stays as it is. */
  readonly maxSide: number;
}

/** @throws {EngineError} E_IMAGE_INVALID */
export function checkSize({ width, height }: Size, maxPixels: number): Size {
  const isPossible = width > 0 && height > 0 && Math.max(width, height) <= MAX_PICTURE_SIDE;
  if (isPossible && width * height <= maxPixels) return { width, height };
  throw invalidPicture(
    `is ${width} x ${height} pixels`,
    `at most ${maxPixels} pixels and ${MAX_PICTURE_SIDE} a side; make it smaller`,
  );
}

/** The size of a picture made small enough, with its proportions. */
export function fittedSize({ width, height }: Size, maxSide: number): Size {
  const scale = Math.min(1, maxSide / Math.max(width, height));
  const side = (length: number) => Math.max(1, Math.round(length * scale));
  return { width: side(width), height: side(height) };
}

export function invalidPicture(what: string, expected: string, cause?: unknown): EngineError {
  return new EngineError('E_IMAGE_INVALID', `image: ${what}; expected ${expected}.`, {
    param: 'image',
    cause,
  });
}

/** What a decoder gives. */
export interface DecodedFile extends Size {
  /** Pixels as they are stored: not turned yet. */
  readonly picture: Picture;
  /** How the camera was held, as in EXIF: 1 to 8. */
  readonly orientation: number;
}
