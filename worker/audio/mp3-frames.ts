/** Finds the frames of an MP3 by their headers (ISO/IEC 11172-3 2.4.1.3, ISO/IEC 13818-3, MPEG 2.5). */
import { takeTurn } from '../platform/turns.ts';

/** Bit rates by index in kbit/s, for MPEG 1 and for both later versions; 0 is a free rate, 15 is invalid. */
const KILOBITS = {
  first: [0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320],
  later: [0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160],
} as const;
/** Sample rates in Hz of MPEG 1; version 2 halves them, 2.5 quarters them. */
const SAMPLE_RATES = [44_100, 48_000, 32_000] as const;
const VERSION_1 = 3;
const VERSION_2 = 2;
const HEADER_BYTES = 4;

/** Bytes that are looked through before others have a turn: some tens of milliseconds. */
const TURN_BYTES = 4_000_000;

/**
 * The bytes up to the end of the last whole frame: minimp3's module loops for ever where something else
 * follows it (a tag, half a frame) and some frame before could not be decoded. All of them where no frame
 * is found.
 */
export async function wholeFrames(data: Uint8Array): Promise<Uint8Array> {
  let end = 0;
  let turnAt = TURN_BYTES;
  for (let at = 0; at + HEADER_BYTES <= data.length;) {
    if (at >= turnAt) {
      await takeTurn();
      turnAt += TURN_BYTES;
    }
    const next = at + frameBytes(data, at);
    const isFrame =
      next > at &&
      next <= data.length &&
      // Four bytes of noise may look like a header: a real frame has a neighbour of its kind.
      ((end === at && at > 0) || next === data.length || isAlike(data, at, next));
    if (isFrame) end = next;
    at = isFrame ? next : at + 1;
  }
  return end === 0 ? data : data.subarray(0, end);
}

/** Length of the frame whose header is at `at`; 0 when it is no layer 3 header, or has a free rate. */
function frameBytes(data: Uint8Array, at: number): number {
  if (data[at] !== 0xff) return 0;
  // No views: 20 MB of headers would make five million of them.
  const [b, c] = [data[at + 1]!, data[at + 2]!];
  const version = (b >> 3) & 3;
  const sampleRate = SAMPLE_RATES[(c >> 2) & 3];
  if ((b & 0xe6) !== 0xe2 || version === 1 || sampleRate === undefined) return 0;
  const isFirst = version === VERSION_1;
  const kilobits = KILOBITS[isFirst ? 'first' : 'later'][c >> 4] ?? 0;
  if (kilobits === 0) return 0;
  const halvings = isFirst ? 0 : version === VERSION_2 ? 1 : 2;
  const bytes = ((isFirst ? 144_000 : 72_000) * kilobits) / (sampleRate >> halvings);
  return Math.floor(bytes) + ((c >> 1) & 1);
}

/** Whether there is a header at `next` of the same version, layer and sample rate as that at `at`. */
function isAlike(data: Uint8Array, at: number, next: number): boolean {
  return (
    data[next] === 0xff &&
    ((data[at + 1]! ^ data[next + 1]!) & 0xfe) === 0 &&
    ((data[at + 2]! ^ data[next + 2]!) & 0x0c) === 0
  );
}
