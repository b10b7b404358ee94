/**
 * MP3 of one channel at a constant bit rate (ISO/IEC 11172-3 layer 3; ISO/IEC 13818-3 for the lower rates),
 * written from the standard: long blocks, no bit reservoir, so that each frame can be decoded by itself.
 */
import { joinBytes, joinFloats } from '../../base/joined.ts';
import { BitWriter } from '../bit-writer.ts';
import { Resampler } from '../resampler.ts';
import { Filterbank } from './filterbank.ts';
import { writeHuffman } from './huffman.ts';
import { quantizeGranule } from './quantize.ts';
import type { QuantizedGranule } from './quantize.ts';
import { writeScaleFactors } from './scale-factors.ts';
import { formatFor, GRANULE_SAMPLES } from './stream-format.ts';
import type { Mp3Format } from './stream-format.ts';

/** Samples by which a decoder's output is later than the encoder's input. */
export const MP3_DELAY_SAMPLES = 1057;

const HEADER_BITS = 32;

interface Granule extends QuantizedGranule {
  readonly negative: Uint8Array;
}

/** One stream: frames come out as soon as their samples are in. */
export class Mp3Encoder {
  /** In Hz; may differ from the rate of the samples that are pushed. */
  readonly sampleRate: number;
  readonly #format: Mp3Format;
  readonly #resampler: Resampler | null;
  readonly #filterbank = new Filterbank();
  #pending: Float32Array = new Float32Array(0);
  #granules: Granule[] = [];
  /** What the frames so far are shorter than the bit rate asks for, in parts of a byte. */
  #owed = 0;

  /** @param sampleRate in Hz, of the samples that will be pushed */
  constructor(sampleRate: number) {
    this.#format = formatFor(sampleRate);
    this.sampleRate = this.#format.sampleRate;
    this.#resampler =
      sampleRate === this.sampleRate ? null : new Resampler(sampleRate, this.sampleRate);
  }

  /** @returns whole frames; none when the samples do not fill one */
  push(samples: Float32Array): Uint8Array<ArrayBuffer>[] {
    return this.#encode(this.#resampler?.push(samples) ?? samples);
  }

  /** The last frames; nothing may be pushed afterwards. */
  flush(): Uint8Array<ArrayBuffer>[] {
    const rest = this.#resampler?.flush() ?? new Float32Array(0);
    const nFrameSample = this.#nGranule * GRANULE_SAMPLES;
    const nSample = this.#granules.length * GRANULE_SAMPLES + this.#pending.length + rest.length;
    const nAll = Math.ceil((nSample + MP3_DELAY_SAMPLES) / nFrameSample) * nFrameSample;
    return this.#encode(joinFloats([rest, new Float32Array(nAll - nSample)]));
  }

  get #nGranule(): number {
    return this.#format.isMpeg1 ? 2 : 1;
  }

  #encode(samples: Float32Array): Uint8Array<ArrayBuffer>[] {
    const all = joinFloats([this.#pending, samples]);
    const frames: Uint8Array[] = [];
    let at = 0;
    for (; at + GRANULE_SAMPLES <= all.length; at += GRANULE_SAMPLES) {
      const frame = this.#addGranule(all.subarray(at, at + GRANULE_SAMPLES));
      if (frame !== null) frames.push(frame);
    }
    this.#pending = all.slice(at);
    return frames.length === 0 ? [] : [joinBytes(frames)];
  }

  /** @returns the frame that it completes */
  #addGranule(samples: Float32Array): Uint8Array | null {
    const coefficients = new Float64Array(GRANULE_SAMPLES);
    this.#filterbank.analyse(samples, coefficients);
    const isPadded = this.#isPadded;
    const before = this.#granules.reduce((sum, { nBit }) => sum + nBit, 0);
    const room = 8 * this.#frameBytes(isPadded) - HEADER_BITS - sideBits(this.#format) - before;
    // The first of two granules leaves the second its half, which may use what the first did not.
    const nLeft = this.#nGranule - this.#granules.length;
    const granule = quantizeGranule(coefficients, this.#format, Math.floor(room / nLeft));
    this.#granules.push({ ...granule, negative: Uint8Array.from(coefficients, (x) => +(x < 0)) });
    if (nLeft > 1) return null;
    const frame = writeFrame(this.#format, this.#frameBytes(isPadded), isPadded, this.#granules);
    this.#granules = [];
    this.#owed = (this.#owed + this.#exactBytes) % 1;
    return frame;
  }

  /** Bytes of a frame by the bit rate, not a whole number at rates like 22,050 Hz. */
  get #exactBytes(): number {
    const { kilobits, sampleRate } = this.#format;
    return (this.#nGranule * GRANULE_SAMPLES * kilobits * 125) / sampleRate;
  }

  get #isPadded(): boolean {
    return this.#owed + (this.#exactBytes % 1) >= 1;
  }

  #frameBytes(isPadded: boolean): number {
    return Math.floor(this.#exactBytes) + (isPadded ? 1 : 0);
  }
}

/** Bits of the side information for one channel. */
function sideBits({ isMpeg1 }: Mp3Format): number {
  return 8 * (isMpeg1 ? 17 : 9);
}

function writeFrame(
  format: Mp3Format,
  nByte: number,
  isPadded: boolean,
  granules: readonly Granule[],
): Uint8Array<ArrayBuffer> {
  const writer = new BitWriter(nByte);
  writeHeader(writer, format, isPadded);
  const { isMpeg1 } = format;
  // main_data_begin, private_bits, scfsi: no reservoir, and no scale factors taken from the first granule.
  writer.write(0, isMpeg1 ? 9 + 5 + 4 : 8 + 1);
  for (const granule of granules) writeSide(writer, granule, isMpeg1);
  for (const { magnitudes, negative, factors, scale, huffman } of granules) {
    writeScaleFactors(writer, factors, scale);
    writeHuffman(writer, magnitudes, negative, huffman);
  }
  return writer.done();
}

/** Section 2.4.1.3: layer 3, no checksum, one channel. */
function writeHeader(writer: BitWriter, format: Mp3Format, isPadded: boolean): void {
  writer.write(0xfff, 12);
  writer.write(format.isMpeg1 ? 1 : 0, 1);
  writer.write(0b011, 3);
  writer.write(format.bitrateIndex, 4);
  writer.write(format.rateIndex, 2);
  writer.write(isPadded ? 1 : 0, 1);
  writer.write(0, 1);
  writer.write(0b11, 2);
  // mode_extension, copyright, original, emphasis.
  writer.write(0b00_0_1_00, 6);
}

/** Section 2.4.1.7, and ISO/IEC 13818-3 2.4.1.7. */
function writeSide(writer: BitWriter, granule: Granule, isMpeg1: boolean): void {
  const { huffman, scale } = granule;
  writer.write(granule.nBit, 12);
  writer.write(huffman.nPair, 9);
  writer.write(granule.gain, 8);
  writer.write(scale.compress, isMpeg1 ? 4 : 9);
  // window_switching_flag.
  writer.write(0, 1);
  for (const table of huffman.tables) writer.write(table, 5);
  writer.write(huffman.regionBands[0] - 1, 4);
  writer.write(huffman.regionBands[1] - 1, 3);
  // preflag, which MPEG 2 does not have, and scalefac_scale.
  writer.write(0, isMpeg1 ? 2 : 1);
  writer.write(huffman.quadTable, 1);
}
