/**
 * FLAC of one channel of 16 bits (RFC 9639), block by block: fixed predictors and one Rice parameter a block, which is
 * most of what there is to gain on speech.
 */
import { joinBytes } from '../base/joined.ts';
import { BitWriter } from './bit-writer.ts';
import { checksum16, checksum8 } from './flac-checksums.ts';

const BLOCK_SAMPLES = 4096;
const BITS = 16;
/** Most bytes that a block takes: samples as they are, and what is around them. */
const FRAME_OVERHEAD_BYTES = 32;
/** Codes of 4096 samples, and of a number that follows in 16 bits (9.1.1). */
const SIZE_4096 = 0b1100;
const SIZE_FOLLOWS = 0b0111;
const SIXTEEN_BITS = 0b100;
/** Types of subframes (9.2.1). */
const VERBATIM = 1;
const FIXED = 8;
const MAX_ORDER = 4;
/** Largest parameter in four bits; 15 is an escape. */
const MAX_RICE = 14;

interface Prediction {
  readonly order: number;
  readonly rice: number;
  /** What is left of the samples after the first `order`, signs folded in: 0, -1, 1, -2, ... */
  readonly residual: Uint32Array;
  readonly nBit: number;
}

/** One stream, whose length is not known when it begins. */
export class FlacEncoder {
  readonly #sampleRate: number;
  #pending: Int16Array = new Int16Array(0);
  #nBlock = 0;
  #isBegun = false;

  /** @param sampleRate in Hz, below 2^20 */
  constructor(sampleRate: number) {
    this.#sampleRate = sampleRate;
  }

  /** @param samples within [-1, 1]; louder ones are clipped */
  push(samples: Float32Array): Uint8Array<ArrayBuffer>[] {
    const all = new Int16Array(this.#pending.length + samples.length);
    all.set(this.#pending);
    const scaled = samples.map((x) => Math.max(-32_768, Math.min(32_767, Math.round(x * 32_768))));
    all.set(scaled, this.#pending.length);
    const frames: Uint8Array[] = this.#isBegun ? [] : [streamHead(this.#sampleRate)];
    this.#isBegun = true;
    let at = 0;
    for (; at + BLOCK_SAMPLES <= all.length; at += BLOCK_SAMPLES)
      frames.push(this.#frame(all.subarray(at, at + BLOCK_SAMPLES)));
    this.#pending = all.slice(at);
    return frames.length === 0 ? [] : [joinBytes(frames)];
  }

  /** The last block, a shorter one. */
  flush(): Uint8Array<ArrayBuffer>[] {
    const rest = this.#pending;
    this.#pending = new Int16Array(0);
    return [...this.push(new Float32Array(0)), ...(rest.length === 0 ? [] : [this.#frame(rest)])];
  }

  #frame(samples: Int16Array): Uint8Array<ArrayBuffer> {
    const writer = new BitWriter(2 * samples.length + FRAME_OVERHEAD_BYTES);
    writeHeader(writer, samples.length, this.#nBlock++);
    writer.write(checksum8(writer.done(), 0, writer.bitCount / 8), 8);
    writeSubframe(writer, samples);
    writer.write(0, -writer.bitCount & 7);
    const nByte = writer.bitCount / 8;
    writer.write(checksum16(writer.done(), 0, nByte), 16);
    return writer.done().slice(0, nByte + 2);
  }
}

/** `fLaC` and STREAMINFO (8.2), which leaves open what is not known yet. */
function streamHead(sampleRate: number): Uint8Array<ArrayBuffer> {
  const writer = new BitWriter(4 + 4 + 34);
  for (const char of 'fLaC') writer.write(char.charCodeAt(0), 8);
  // The only block of metadata, of type 0.
  writer.write(1, 1);
  writer.write(0, 7);
  writer.write(34, 24);
  writer.write(BLOCK_SAMPLES, 16);
  writer.write(BLOCK_SAMPLES, 16);
  // Sizes of frames.
  writer.write(0, 24);
  writer.write(0, 24);
  writer.write(sampleRate, 20);
  writer.write(0, 3);
  writer.write(BITS - 1, 5);
  return writer.done();
}

/** Section 9.1, without its checksum. */
function writeHeader(writer: BitWriter, nSample: number, number: number): void {
  const isWhole = nSample === BLOCK_SAMPLES;
  writer.write(0b11_1111_1111_1110, 14);
  writer.write(0, 2);
  writer.write(isWhole ? SIZE_4096 : SIZE_FOLLOWS, 4);
  // The rate is that of STREAMINFO; one channel.
  writer.write(0, 8);
  writer.write(SIXTEEN_BITS, 3);
  writer.write(0, 1);
  for (const byte of codedNumber(number)) writer.write(byte, 8);
  if (!isWhole) writer.write(nSample - 1, 16);
}

/** As UTF-8 codes characters (9.1.5), up to 16 bits: more than three hours. */
function codedNumber(number: number): number[] {
  if (number < 0x80) return [number];
  const low = 0x80 | (number & 63);
  if (number < 0x800) return [0xc0 | (number >> 6), low];
  return [0xe0 | (number >> 12), 0x80 | ((number >> 6) & 63), low];
}

function writeSubframe(writer: BitWriter, samples: Int16Array): void {
  const { order, rice, residual, nBit } = predict(samples);
  const isVerbatim = nBit >= BITS * samples.length;
  writer.write(0, 1);
  writer.write(isVerbatim ? VERBATIM : FIXED + order, 6);
  writer.write(0, 1);
  const nPlain = isVerbatim ? samples.length : order;
  for (const sample of samples.subarray(0, nPlain)) writer.write(sample & 0xffff, BITS);
  if (isVerbatim) return;
  // Parameters of four bits, one partition.
  writer.write(0, 2 + 4);
  writer.write(rice, 4);
  for (const value of residual) {
    // As many zeros as the upper bits say, a one, then the lower bits.
    for (let zeros = value >>> rice; zeros > 0; zeros -= 32) writer.write(0, Math.min(32, zeros));
    writer.write(1, 1);
    writer.write(value & (2 ** rice - 1), rice);
  }
}

/** The order and parameter that take the fewest bits; differences of differences, up to the fourth (9.2.5). */
function predict(samples: Int16Array): Prediction {
  let differences = Int32Array.from(samples);
  let best: Prediction | null = null;
  for (let order = 0; order <= Math.min(MAX_ORDER, samples.length - 1); order++) {
    if (order > 0) differences = differences.subarray(1).map((x, i) => x - differences[i]!);
    const residual = Uint32Array.from(differences, (x) => (x << 1) ^ (x >> 31));
    const { rice, nBit } = cheapestRice(residual);
    const all = nBit + BITS * order + 10;
    if (best === null || all < best.nBit) best = { order, rice, residual, nBit: all };
  }
  return best!;
}

function cheapestRice(residual: Uint32Array): { rice: number; nBit: number } {
  let best = { rice: 0, nBit: Infinity };
  for (let rice = 0; rice <= MAX_RICE; rice++) {
    let nBit = residual.length * (rice + 1);
    for (const value of residual) nBit += value >>> rice;
    if (nBit < best.nBit) best = { rice, nBit };
  }
  return best;
}
