/**
 * AAC, Low Complexity (ISO/IEC 14496-3, part 4), written from the standard: frames of 1024 samples, single channels
 * and pairs. The upper half of HE-AAC (spectral band replication) is passed over: it has no speech that a
 * recognition model would hear.
 */
import { readChannel, readWindowInfo } from './channel-stream.ts';
import type { ChannelStream } from './channel.ts';
import { DamagedFrame, FrameBits } from './frame-bits.ts';
import { shapeNoise } from './noise-shaping.ts';
import { fillNoise, joinChannels, readSumDifference } from './stereo.ts';
import { Synthesis } from './synthesis.ts';

/** `id_syn_ele`. */
const ELEMENTS = ['single', 'pair', 'coupling', 'lfe', 'data', 'program', 'fill', 'end'] as const;
const MAX_CHANNELS = 8;
/** 6144 bits a channel (4.5.3.1), rounded up to what an ADTS header can say. */
const MAX_FRAME_BYTES = 8191;
/** More elements than any frame has. */
const MAX_ELEMENTS = 64;

export class AacDecoder {
  readonly #rateIndex: number;
  readonly #channels: Synthesis[] = [];
  #nFrame = 0;

  /** @param rateIndex `samplingFrequencyIndex`, 0 to 12 */
  constructor(rateIndex: number) {
    this.#rateIndex = rateIndex;
  }

  /**
   * One access unit (raw_data_block).
   * @returns 1024 samples of each channel
   * @throws {DamagedFrame} for one that contradicts the standard, or uses what AAC-LC has not
   */
  decode(frame: Uint8Array): Float32Array[] {
    if (frame.length > MAX_FRAME_BYTES) throw new DamagedFrame(`${frame.length} bytes`);
    const streams = this.#read(new FrameBits(frame));
    this.#nFrame++;
    return streams.map((stream, i) => {
      this.#channels[i] ??= new Synthesis();
      return this.#channels[i].run(stream);
    });
  }

  #read(bits: FrameBits): ChannelStream[] {
    const streams: ChannelStream[] = [];
    for (let n = 0; n < MAX_ELEMENTS; n++) {
      const element = ELEMENTS[bits.read(3)]!;
      if (element === 'end') return streams;
      if (element === 'fill') skipFill(bits);
      else if (element === 'data') skipData(bits);
      else if (element === 'coupling' || element === 'program')
        throw new DamagedFrame(`an element of kind ${element}, which is not supported`);
      else {
        // element_instance_tag: channels come in order.
        bits.read(4);
        streams.push(...(element === 'pair' ? this.#readPair(bits) : [this.#readSingle(bits)]));
      }
      if (streams.length > MAX_CHANNELS) throw new DamagedFrame('more than 8 channels');
    }
    throw new DamagedFrame(`more than ${MAX_ELEMENTS} elements`);
  }

  #readSingle(bits: FrameBits): ChannelStream {
    const stream = readChannel(bits, this.#rateIndex, null);
    fillNoise(stream, (band) => this.#seed(0, band));
    shapeNoise(stream, this.#rateIndex);
    return stream;
  }

  #readPair(bits: FrameBits): [ChannelStream, ChannelStream] {
    const rateIndex = this.#rateIndex;
    const shared = bits.bit() === 1 ? readWindowInfo(bits, rateIndex) : null;
    const joined = shared === null ? null : readSumDifference(bits, shared);
    const left = readChannel(bits, rateIndex, shared);
    const right = readChannel(bits, rateIndex, shared);
    fillNoise(left, (band) => this.#seed(0, band));
    // Noise of a band that is a sum and difference is the same in both channels.
    fillNoise(right, (band) => this.#seed(joined?.isSummed(band) === true ? 0 : 1, band));
    if (joined !== null) joinChannels(left, right, joined);
    shapeNoise(left, rateIndex);
    shapeNoise(right, rateIndex);
    return [left, right];
  }

  /** Noise differs from frame to frame, and is the same for the same file. */
  #seed(channel: number, { group, index }: { group: number; index: number }): number {
    return ((this.#nFrame * 2 + channel) * 8 + group) * 64 + index;
  }
}

/** Spectral band replication and padding are here. */
function skipFill(bits: FrameBits): void {
  let nByte = bits.read(4);
  if (nByte === 15) nByte += bits.read(8) - 1;
  bits.skip(8 * nByte);
}

function skipData(bits: FrameBits): void {
  bits.read(4);
  const isAligned = bits.bit() === 1;
  let nByte = bits.read(8);
  if (nByte === 255) nByte += bits.read(8);
  if (isAligned) bits.align();
  bits.skip(8 * nByte);
}
