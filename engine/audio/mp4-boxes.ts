/** Boxes of an MP4 file (ISO/IEC 14496-12), read by their names. */
import { invalidAudio, tagAt } from './audio-reader.ts';

/** A box without its header. */
export interface Box {
  readonly type: string;
  readonly data: Uint8Array;
  /** Where the box begins in the file, header included. */
  readonly at: number;
}

const HEADER_BYTES = 8;
const LONG_HEADER_BYTES = 16;
/** In one parent: recordings in fragments have a few for each second. */
const MAX_BOXES = 100_000;

/**
 * Children one after the other; what is cut off is given as far as it goes.
 * @param offset of `bytes` in the file
 * @throws {EngineError} E_AUDIO_INVALID for too many
 */
export function* boxesOf(bytes: Uint8Array, offset = 0): Generator<Box, void, void> {
  const view = viewOf(bytes);
  let at = 0;
  for (let n = 0; at + HEADER_BYTES <= bytes.length; n++) {
    if (n === MAX_BOXES) throw invalidMp4(`more than ${MAX_BOXES} boxes`);
    let size = view.getUint32(at);
    let header = HEADER_BYTES;
    if (size === 1 && at + LONG_HEADER_BYTES <= bytes.length) {
      size = Number(view.getBigUint64(at + HEADER_BYTES));
      header = LONG_HEADER_BYTES;
    } else if (size === 0) size = bytes.length - at;
    if (size < header) return;
    const data = bytes.subarray(at + header, at + size);
    yield { type: tagAt(bytes, at + 4), data, at: offset + at };
    at += size;
  }
}

/** The first child of that name. */
export function findBox(bytes: Uint8Array, type: string): Uint8Array | null {
  for (const box of boxesOf(bytes)) if (box.type === type) return box.data;
  return null;
}

/** The first box on a path of names. */
export function findPath(bytes: Uint8Array, path: readonly string[]): Uint8Array | null {
  let found: Uint8Array | null = bytes;
  for (const type of path) if (found !== null) found = findBox(found, type);
  return found;
}

export function viewOf(bytes: Uint8Array): DataView {
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

/** Bytes from `at` on as a big-endian number; zeros after the end. */
export function uint32At(bytes: Uint8Array, at: number): number {
  return [0, 1, 2, 3].reduce((value, i) => value * 256 + (bytes[at + i] ?? 0), 0);
}

export function invalidMp4(what: string) {
  return invalidAudio(`mp4: ${what}`, 'a track of AAC', 'Convert it to WAV, FLAC, MP3 or Opus');
}
