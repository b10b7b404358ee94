/** The markers and segments of a JPEG (ITU-T T.81, B.1). */
import { invalidPicture } from '../picture.ts';

/** A progressive picture has about ten scans; each goes over all of it. */
const MAX_SCANS = 40;

export const Marker = {
  HUFFMAN: 0xc4,
  SCAN: 0xda,
  QUANTIZATION: 0xdb,
  RESTARTS: 0xdd,
  EXIF: 0xe1,
  ADOBE: 0xee,
  END: 0xd9,
  isFrame: (marker: number): boolean =>
    marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker),
  hasLength: (marker: number): boolean =>
    marker >= 0xc0 && marker !== 0xff && !(marker >= 0xd0 && marker <= 0xd9),
} as const;

export interface Segment {
  readonly marker: number;
  /** Without its length; cut off where the file is. */
  readonly body: Uint8Array;
  readonly end: number;
  /** Continues at a later position than the segment's end. */
  readonly skipTo: (at: number) => void;
}

/** Segments from the first one to the end of the picture. */
export function* segments(bytes: Uint8Array): Generator<Segment, void, void> {
  let at = 2;
  while (at + 4 <= bytes.length) {
    const marker = bytes[at + 1]!;
    if (bytes[at] !== 0xff || !Marker.hasLength(marker)) {
      if (bytes[at] === 0xff && marker === Marker.END) return;
      at = nextMarker(bytes, at + 1);
      continue;
    }
    const start = at + 4;
    const end = at + 2 + ((bytes[at + 2]! << 8) | bytes[at + 3]!);
    at = end;
    const skipTo = (to: number) => {
      at = Math.max(at, to);
    };
    yield { marker, body: bytes.subarray(start, Math.max(start, end)), end, skipTo };
  }
}

/** Where the data of a scan from `at` ends: at the next marker that is no restart. */
export function endOfScan(bytes: Uint8Array, from: number): number {
  for (let at = nextMarker(bytes, from); at < bytes.length; at = nextMarker(bytes, at + 1)) {
    const marker = bytes[at + 1] ?? 0;
    if (marker >= 0xc0 && marker !== 0xff && !(marker >= 0xd0 && marker <= 0xd7)) return at;
  }
  return bytes.length;
}

function nextMarker(bytes: Uint8Array, from: number): number {
  const at = bytes.indexOf(0xff, from);
  return at < 0 ? bytes.length : at;
}

/** A bound on the work before any of it. @throws {EngineError} E_IMAGE_INVALID */
export function checkMarkers(bytes: Uint8Array): void {
  let nFrame = 0;
  let nScan = 0;
  for (const { marker } of segments(bytes)) {
    if (Marker.isFrame(marker) && ++nFrame > 1) throw invalidPicture('has several frames', 'one');
    if (marker === Marker.SCAN && ++nScan > MAX_SCANS)
      throw invalidPicture('has too many scans', `at most ${MAX_SCANS}`);
  }
  if (nFrame === 0) throw invalidPicture('has no frame', 'a whole JPEG');
}
