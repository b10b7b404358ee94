/** Frames of AAC with headers of their own (ADTS, ISO/IEC 13818-7, 6.2). */
import { id3Bytes } from '../flac.ts';
import { SAMPLE_RATES } from './bands.ts';

const HEADER_BYTES = 7;
const CHECKSUM_BYTES = 2;
/** `profile` of Low Complexity. */
const LOW_COMPLEXITY = 1;

/** Whether a frame begins there: twelve set bits, then layer 0. */
export function isAdts(bytes: Uint8Array): boolean {
  const at = id3Bytes(bytes);
  return bytes[at] === 0xff && (bytes[at + 1]! & 0xf6) === 0xf0 && frameAt(bytes, at) !== null;
}

/** `samplingFrequencyIndex` of the first frame; null where there is none of AAC-LC. */
export function adtsRateIndex(bytes: Uint8Array): number | null {
  for (const { rateIndex } of framesOf(bytes)) return rateIndex;
  return null;
}

/** Access units of that rate; null for one that is cut off. */
export function* adtsFrames(
  bytes: Uint8Array,
  rateIndex: number,
): Generator<Uint8Array | null, void, void> {
  for (const frame of framesOf(bytes))
    if (frame.rateIndex === rateIndex)
      yield frame.end > bytes.length ? null : bytes.subarray(frame.start, frame.end);
}

interface AdtsFrame {
  readonly rateIndex: number;
  /** Where the access unit lies, after the header. */
  readonly start: number;
  readonly end: number;
}

/** Whatever stands between frames is passed over. */
function* framesOf(bytes: Uint8Array): Generator<AdtsFrame> {
  for (let at = id3Bytes(bytes); at + HEADER_BYTES <= bytes.length;) {
    const frame = frameAt(bytes, at);
    if (frame !== null) yield frame;
    at = frame?.end ?? at + 1;
  }
}

function frameAt(bytes: Uint8Array, at: number): AdtsFrame | null {
  if (bytes[at] !== 0xff || at + HEADER_BYTES > bytes.length) return null;
  // No views: 20 MB of headers would make ten million of them.
  const [b, c, d] = [bytes[at + 1]!, bytes[at + 2]!, bytes[at + 3]!];
  const [e, f, g] = [bytes[at + 4]!, bytes[at + 5]!, bytes[at + 6]!];
  const rateIndex = (c >> 2) & 15;
  const nByte = ((d & 3) << 11) | (e << 3) | (f >> 5);
  const header = HEADER_BYTES + ((b & 1) === 0 ? CHECKSUM_BYTES : 0);
  // Frames of several access units are not written by any encoder in use.
  const isFrame =
    (b & 0xf6) === 0xf0 &&
    c >> 6 === LOW_COMPLEXITY &&
    rateIndex < SAMPLE_RATES.length &&
    nByte > header &&
    (g & 3) === 0;
  return isFrame ? { rateIndex, start: at + header, end: at + nByte } : null;
}
