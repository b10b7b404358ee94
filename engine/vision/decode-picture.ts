/**
 * Files of pictures as pixels: a row for each format, found by a file's first bytes. Sizes are read off the
 * headers and bounded before anything is decoded, and everything decodes in parts.
 */
import type { Steps } from '../base/turns.ts';
import { atOnce } from '../base/turns.ts';
import { decodeGif } from './gif/decode-gif.ts';
import { decodeJpeg } from './jpeg/decode-jpeg.ts';
import { oriented, swapsSides } from './orient.ts';
import type { DecodedFile, DecodeOptions, Picture, Size } from './picture.ts';
import { DEFAULT_MAX_SIDE, invalidPicture } from './picture.ts';
import { decodePng } from './png/decode-png.ts';

/** WebP is decoded by a library, outside the engine. */
export type PictureFormat = 'PNG' | 'JPEG' | 'GIF' | 'WEBP';

interface FormatRow {
  readonly name: PictureFormat;
  readonly magic: readonly number[];
  readonly decode: (bytes: Uint8Array, options: DecodeOptions) => Steps<DecodedFile>;
}

const FORMATS: readonly FormatRow[] = [
  {
    name: 'PNG',
    magic: [0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a],
    decode: decodePng,
  },
  { name: 'JPEG', magic: [0xff, 0xd8, 0xff], decode: decodeJpeg },
  { name: 'GIF', magic: [0x47, 0x49, 0x46, 0x38], decode: decodeGif },
];
const NAMES = 'GIF, WebP (in conversations), PNG or JPEG';

/** A file that was read. */
export interface ReadPicture {
  /** As it was taken: turned as EXIF says, and made smaller where it is too large. */
  readonly picture: Picture;
  /** By its first bytes. */
  readonly format: PictureFormat;
  /** Of the file, turned. */
  readonly size: Size;
}

/** Transparent parts are shown on white. @throws {EngineError} E_IMAGE_INVALID */
export function decodePicture(bytes: Uint8Array, options: Partial<DecodeOptions> = {}): Picture {
  return atOnce(decodePictureSteps(bytes, options)).picture;
}

/** `decodePicture` in parts of a few milliseconds. */
export function* decodePictureSteps(
  bytes: Uint8Array,
  { maxSide = DEFAULT_MAX_SIDE }: Partial<DecodeOptions> = {},
): Steps<ReadPicture> {
  const { name, decode } = formatOf(bytes);
  const { picture, width, height, orientation } = yield* decode(bytes, { maxSide });
  return {
    picture: oriented(picture, orientation),
    format: name,
    size: swapsSides(orientation) ? { width: height, height: width } : { width, height },
  };
}

/** Whether a file begins as one that is decoded here. */
export function isPictureFile(bytes: Uint8Array): boolean {
  return findFormat(bytes) !== undefined;
}

function findFormat(bytes: Uint8Array): FormatRow | undefined {
  return FORMATS.find(({ magic }) => magic.every((byte, i) => bytes[i] === byte));
}

function formatOf(bytes: Uint8Array): FormatRow {
  const format = findFormat(bytes);
  if (format === undefined) throw invalidPicture('is not a supported image', NAMES);
  return format;
}
