/**
 * FLAC (RFC 9639). Frames are decoded one by one, so that the samples of a long file
 * are never all in memory; every frame's checksums are compared. A decoder of our own: those on npm are
 * either LGPL or tied to a browser.
 */
import { checkFormat, invalidAudio, tagAt } from './audio-reader.ts';
import type { AudioReader } from './audio-reader.ts';
import { BitReader } from './bit-reader.ts';
import { checksum16, checksum8 } from './flac-checksums.ts';
import { readSubframe } from './flac-subframe.ts';

interface StreamInfo {
  readonly sampleRate: number;
  readonly nChannel: number;
  readonly bits: number;
  readonly maxBlock: number;
  /** 0 when the encoder did not know. */
  readonly totalSamples: number;
}

interface FrameHeader {
  readonly blockSize: number;
  readonly assignment: number;
  readonly bits: number;
}

const MAX_METADATA_BLOCKS = 1000;
const STREAMINFO_BYTES = 34;
/** Bits of a sample by a frame's code for them; code 0 is the stream's own size. */
const SAMPLE_BITS = [0, 8, 12, undefined, 16, 20, 24, 32];
/** Second channel and first of the assignments that store a difference. */
const LEFT_SIDE = 8;
const SIDE_RIGHT = 9;
const MID_SIDE = 10;

/** @param start byte at which `fLaC` is: some programs put tags before it */
export function openFlac(bytes: Uint8Array, start = 0): AudioReader {
  const { info, at: firstFrame } = readMetadata(bytes, start + 4);
  let at = firstFrame;
  let done = 0;
  let isTruncated = false;
  return {
    container: 'flac',
    sampleRate: info.sampleRate,
    nChannel: info.nChannel,
    statedSeconds: info.totalSamples === 0 ? null : info.totalSamples / info.sampleRate,
    get isTruncated() {
      return isTruncated;
    },
    read() {
      // Tags of other formats may follow the last frame.
      if (at >= bytes.length || (info.totalSamples > 0 && done >= info.totalSamples)) {
        isTruncated ||= done < info.totalSamples;
        return null;
      }
      try {
        const frame = readFrame(bytes, at, info);
        at = frame.end;
        done += frame.channels[0]!.length;
        return frame.channels;
      } catch (error) {
        if (!(error instanceof RangeError)) throw error;
        isTruncated = true;
        at = bytes.length;
        return null;
      }
    },
  };
}

function readMetadata(bytes: Uint8Array, start: number): { info: StreamInfo; at: number } {
  let info: StreamInfo | null = null;
  let at = start;
  for (let n = 0; n < MAX_METADATA_BLOCKS && at + 4 <= bytes.length; n++) {
    const head = bytes[at]!;
    const size = (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!;
    if ((head & 0x7f) === 0) info = readStreamInfo(bytes, at + 4, size);
    at += 4 + size;
    if ((head & 0x80) === 0) continue;
    if (info === null) break;
    return { info, at };
  }
  throw invalidAudio('flac: no STREAMINFO', 'it before the first frame', 'Encode the file again');
}

function readStreamInfo(bytes: Uint8Array, at: number, size: number): StreamInfo {
  if (size < STREAMINFO_BYTES || at + STREAMINFO_BYTES > bytes.length)
    throw invalidAudio('flac: a cut STREAMINFO', `${STREAMINFO_BYTES} bytes`, 'Encode it again');
  const reader = new BitReader(bytes, at + 2);
  const maxBlock = reader.read(16);
  reader.read(48);
  const sampleRate = reader.read(20);
  const nChannel = reader.read(3) + 1;
  const bits = reader.read(5) + 1;
  checkFormat('flac', sampleRate, nChannel);
  if (bits < 4 || maxBlock < 16)
    throw invalidAudio(
      `flac: ${bits} bits in blocks of ${maxBlock}`,
      '4 to 32 bits in blocks of 16 or more',
      'Encode the file again',
    );
  return { sampleRate, nChannel, bits, maxBlock, totalSamples: reader.read(36) };
}

function readFrame(
  bytes: Uint8Array,
  at: number,
  info: StreamInfo,
): { channels: Float32Array[]; end: number } {
  const reader = new BitReader(bytes, at);
  const { blockSize, assignment, bits } = readHeader(reader, at, info);
  const values = Array.from({ length: info.nChannel }, (_, channel) => {
    const isSide =
      (channel === 1 && (assignment === LEFT_SIDE || assignment === MID_SIDE)) ||
      (channel === 0 && assignment === SIDE_RIGHT);
    return readSubframe(reader, blockSize, bits + (isSide ? 1 : 0));
  });
  reader.alignToByte();
  const end = reader.byte + 2;
  const want = reader.read(16);
  if (checksum16(bytes, at, end - 2) !== want) throw damaged(at, 'a wrong checksum of a frame');
  undoStereo(values, assignment);
  const scale = 2 ** (1 - bits);
  return { channels: values.map((x) => Float32Array.from(x, (value) => value * scale)), end };
}

function readHeader(reader: BitReader, at: number, info: StreamInfo): FrameHeader {
  if (reader.read(15) !== 0x7ffc) throw damaged(at, 'no frame where one should begin');
  reader.read(1);
  const sizeCode = reader.read(4);
  const rateCode = reader.read(4);
  const assignment = reader.read(4);
  const bits = SAMPLE_BITS[reader.read(3)];
  reader.read(1);
  skipNumber(reader, at);
  const blockSize = readBlockSize(reader, sizeCode);
  // The rate may be repeated here; it cannot change within a stream that is played.
  if (rateCode >= 12) reader.read(rateCode === 12 ? 8 : 16);
  const { bytes } = reader;
  const want = bytes[reader.byte];
  const got = checksum8(bytes, at, reader.byte);
  reader.read(8);
  if (want !== got) throw damaged(at, 'a wrong checksum of a header');
  const nChannel = assignment < LEFT_SIDE ? assignment + 1 : 2;
  if (bits === undefined || blockSize === 0 || nChannel !== info.nChannel || assignment > MID_SIDE)
    throw damaged(at, 'a frame in another format than the stream');
  if (blockSize > info.maxBlock) throw damaged(at, 'a frame longer than the stream allows');
  return { blockSize, assignment, bits: bits === 0 ? info.bits : bits };
}

/** Skips the frame's number, which is coded like UTF-8 in up to seven bytes. */
function skipNumber(reader: BitReader, at: number): void {
  const first = reader.read(8);
  if (first < 0x80) return;
  const nMore = Math.clz32(~(first << 24)) - 1;
  if (nMore < 1 || nMore > 6) throw damaged(at, 'a frame without a number');
  reader.read(8 * nMore);
}

/** Samples in the frame; 0 for undefined codes. */
function readBlockSize(reader: BitReader, code: number): number {
  if (code === 0) return 0;
  if (code === 1) return 192;
  if (code <= 5) return 576 << (code - 2);
  if (code === 6) return reader.read(8) + 1;
  return code === 7 ? reader.read(16) + 1 : 256 << (code - 8);
}

/** Differences back into left and right, in place. */
function undoStereo(channels: readonly Float64Array[], assignment: number): void {
  const [a, b] = channels;
  if (a === undefined || b === undefined || assignment < LEFT_SIDE) return;
  for (let i = 0; i < a.length; i++) {
    const x = a[i]!;
    const y = b[i]!;
    if (assignment === LEFT_SIDE) b[i] = x - y;
    else if (assignment === SIDE_RIGHT) a[i] = x + y;
    else {
      // The middle lost its last bit, which the difference shares.
      const middle = x * 2 + (Math.abs(y) % 2);
      a[i] = (middle + y) / 2;
      b[i] = (middle - y) / 2;
    }
  }
}

function damaged(at: number, what: string) {
  return invalidAudio(`flac: ${what} at byte ${at}`, 'an undamaged file', 'Encode it again');
}

/** Byte at which `fLaC` is: the start, or after an ID3v2 tag; -1 when it is missing. */
export function findFlac(bytes: Uint8Array): number {
  const at = id3Bytes(bytes);
  return tagAt(bytes, at) === 'fLaC' ? at : -1;
}

/** Length of an ID3v2 tag at the start, 0 without one (id3.org, ID3v2.4 structure, section 3.1). */
export function id3Bytes(bytes: Uint8Array): number {
  if (bytes.length < 10 || !tagAt(bytes, 0).startsWith('ID3')) return 0;
  const [a, b, c, d] = bytes.subarray(6, 10);
  return 10 + ((a! & 127) << 21) + ((b! & 127) << 14) + ((c! & 127) << 7) + (d! & 127);
}
