/** AAC in MP4 and in ADTS frames, as blocks of samples. */
import { checkFormat, invalidAudio } from '../audio-reader.ts';
import type { AudioReader } from '../audio-reader.ts';
import { joinFloats } from '../../base/joined.ts';
import { BitReader } from '../bit-reader.ts';
import { openMp4 } from '../mp4.ts';
import { SAMPLE_RATES } from './bands.ts';
import { FRAME_SAMPLES } from './channel.ts';
import { AacDecoder } from './decoder.ts';
import { DamagedFrame } from './frame-bits.ts';
import { adtsFrames, adtsRateIndex } from './adts.ts';

/** Access units; null for one that the file no longer has. */
type Units = Iterator<Uint8Array | null, void, void>;

/** `audioObjectType` of what is decoded. */
const LOW_COMPLEXITY = 2;
/** Types whose lower half is another type's: spectral band replication, and parametric stereo on it. */
const EXTENDED_TYPES: readonly number[] = [5, 29];
const EXPLICIT_RATE = 15;
const ESCAPED_TYPE = 31;

/** Frames of a block: 32 ms each at 32 kHz. */
const BLOCK_FRAMES = 32;
/** One frame that does not decode is a gap; many in a row mean a broken recording. */
const MAX_DAMAGED = 50;

/** @throws {EngineError} E_AUDIO_INVALID for files without AAC-LC */
export function openM4a(bytes: Uint8Array): AudioReader {
  const { config, units, skipSeconds, heardSeconds } = openMp4(bytes);
  const rateIndex = readConfig(config);
  const rate = SAMPLE_RATES[rateIndex]!;
  const sound = new AacSound(units, rateIndex);
  const skip = Math.round(skipSeconds * rate);
  const length = heardSeconds === null ? Infinity : Math.round(heardSeconds * rate);
  return readerOf('m4a', sound, {
    statedSeconds: heardSeconds,
    read: trimmed(sound, skip, length),
  });
}

/**
 * @param config AudioSpecificConfig
 * @param source packets of a track, and what it says of its end once they are read
 * @throws {EngineError} E_AUDIO_INVALID for another kind of AAC
 */
export function openAacPackets(
  container: string,
  config: Uint8Array,
  source: { readonly packets: Units; readonly isTruncated: boolean },
): AudioReader {
  const sound = new AacSound(source.packets, readConfig(config));
  const read = () => sound.read();
  return readerOf(container, sound, { statedSeconds: null, read, isCut: () => source.isTruncated });
}

/** @throws {EngineError} E_AUDIO_INVALID for frames of another kind of AAC */
export function openAdts(bytes: Uint8Array): AudioReader {
  const rateIndex = adtsRateIndex(bytes);
  if (rateIndex === null) throw notAac('no frame of AAC-LC');
  const sound = new AacSound(adtsFrames(bytes, rateIndex), rateIndex);
  return readerOf('aac', sound, { statedSeconds: null, read: () => sound.read() });
}

interface AacFile {
  readonly statedSeconds: number | null;
  readonly read: () => Float32Array[] | null;
  /** Whether the file ends early, besides what is missing of its units. */
  readonly isCut?: () => boolean;
}

function readerOf(
  container: string,
  sound: AacSound,
  { statedSeconds, read, isCut = () => false }: AacFile,
): AudioReader {
  const { sampleRate, nChannel } = sound;
  checkFormat(container, sampleRate, nChannel);
  return {
    ...{ container, sampleRate, nChannel, statedSeconds, read },
    get isTruncated() {
      return sound.isTruncated || isCut();
    },
  };
}

/** @returns `samplingFrequencyIndex` of the frames (ISO/IEC 14496-3, 1.6.2.1) */
function readConfig(config: Uint8Array): number {
  try {
    const bits = new BitReader(config, 0);
    let type = readType(bits);
    const rateIndex = readRate(bits);
    // channelConfiguration: the frames themselves say which channels they have.
    bits.read(4);
    if (EXTENDED_TYPES.includes(type)) {
      readRate(bits);
      type = readType(bits);
    }
    if (type !== LOW_COMPLEXITY) throw notAac(`audio object type ${type}`);
    if (bits.read(1) === 1) throw notAac('frames of 960 samples');
    return rateIndex;
  } catch (error) {
    if (error instanceof RangeError) throw notAac('a configuration that ends early');
    throw error;
  }
}

function readType(bits: BitReader): number {
  const type = bits.read(5);
  return type === ESCAPED_TYPE ? 32 + bits.read(6) : type;
}

function readRate(bits: BitReader): number {
  const index = bits.read(4);
  const rate = index === EXPLICIT_RATE ? bits.read(24) : SAMPLE_RATES[index];
  const found = SAMPLE_RATES.findIndex((known) => known === rate);
  if (found < 0) throw notAac(`a sample rate of ${rate ?? `index ${index}`}`);
  return found;
}

/** Frames through the decoder. */
class AacSound {
  readonly sampleRate: number;
  readonly nChannel: number;
  isTruncated = false;
  readonly #units: Units;
  readonly #decoder: AacDecoder;
  #first: Float32Array[] | null;
  #nDamaged = 0;

  /** Decodes up to the first frame that says how many channels there are. */
  constructor(units: Units, rateIndex: number) {
    this.#units = units;
    this.#decoder = new AacDecoder(rateIndex);
    this.sampleRate = SAMPLE_RATES[rateIndex]!;
    let frame = this.#next();
    while (frame === 'damaged') frame = this.#next();
    this.#first = frame;
    this.nChannel = this.#first?.length ?? 0;
    if (this.nChannel === 0) throw notAac('no frame that decodes');
  }

  /** The next block; null at the end. @throws {EngineError} E_AUDIO_INVALID for too many damaged frames */
  read(): Float32Array[] | null {
    const frames: Float32Array[][] = [];
    while (frames.length < BLOCK_FRAMES) {
      const frame = this.#first ?? this.#next();
      this.#first = null;
      if (frame === null) break;
      const isSound = frame !== 'damaged' && frame.length === this.nChannel;
      frames.push(isSound ? frame : this.#silence());
    }
    if (frames.length === 0) return null;
    return Array.from({ length: this.nChannel }, (_, channel) =>
      joinFloats(frames.map((frame) => frame[channel]!)),
    );
  }

  #next(): Float32Array[] | 'damaged' | null {
    const { value: unit, done } = this.#units.next();
    if (done === true) return null;
    if (unit === null) {
      this.isTruncated = true;
      return null;
    }
    try {
      const frame = this.#decoder.decode(unit);
      this.#nDamaged = 0;
      return frame;
    } catch (error) {
      if (!(error instanceof DamagedFrame)) throw error;
      if (++this.#nDamaged > MAX_DAMAGED)
        throw notAac(`${MAX_DAMAGED} frames in a row that do not decode (${error.message})`);
      return 'damaged';
    }
  }

  #silence(): Float32Array[] {
    return Array.from({ length: this.nChannel }, () => new Float32Array(FRAME_SAMPLES));
  }
}

/** Blocks without the first `skip` samples, and `length` of them at most. */
function trimmed(sound: AacSound, skip: number, length: number): () => Float32Array[] | null {
  let [toSkip, left] = [skip, length];
  return () => {
    for (;;) {
      const block = left > 0 ? sound.read() : null;
      if (block === null) return null;
      const skipped = Math.min(toSkip, block[0]!.length);
      toSkip -= skipped;
      const end = Math.min(block[0]!.length, skipped + left);
      left -= end - skipped;
      if (end > skipped) return block.map((channel) => channel.subarray(skipped, end));
    }
  };
}

function notAac(what: string) {
  return invalidAudio(`aac: ${what}`, 'AAC-LC', 'Convert it to WAV, FLAC, MP3 or Opus');
}
