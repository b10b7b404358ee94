/** MP3 (ISO/IEC 11172-3), decoded by minimp3 a few seconds at a time. */
import { checkFormat, invalidAudio } from '../../engine/audio/audio-reader.ts';
import type { AudioReader } from '../../engine/audio/audio-reader.ts';
import { id3Bytes } from '../../engine/audio/flac.ts';
import { Fuel } from '../platform/fuel.ts';
import type { FueledExports } from '../platform/fuel.ts';
import { takeTurn } from '../platform/turns.ts';
import { wholeFrames } from './mp3-frames.ts';

/** Exports of the module (minimp3-wasm 0.1.0); numbers are bytes, samples or seconds. */
interface Mp3Exports extends FueledExports {
  readonly memory: WebAssembly.Memory;
  decoder_init(): void;
  decoder_set_mp3_data_size(bytes: number): void;
  decoder_mp3_data_offset(): number;
  decoder_pcm_data_offset(): number;
  decoder_decode(seconds: number): void;
  decode_results_sampling_rate(): number;
  decode_results_num_channels(): number;
  decode_results_num_samples(): number;
}

const BLOCK_SECONDS = 1;
/** Samples of a block, all channels together, at the highest sample rate of MP3. */
const MAX_BLOCK_SAMPLES = BLOCK_SECONDS * 48_000 * 2;
/** Samples of a stereo frame: decoding may go this far past a block. */
const MAX_FRAME_SAMPLES = 2 * 1152;
/** Marks unwritten samples: no sound stays this low for the shortest frame (576 samples). */
const UNWRITTEN = -0x8000;
const MIN_FRAME_SAMPLES = 576;

/** Measured: 35 at 4 bits a sample; 320 kbit/s in stereo has fewer bits. */
const STEPS_PER_SAMPLE = 200;
/**
 * Steps of the search for frames in a whole file, in addition to decoding. Measured: 2 per byte of noise;
 * each byte is read twice. Blocks share the budget, so that a file of nothing but frame headers ends soon.
 */
const SCAN_STEPS_PER_BYTE = 32;
/** Setting up touches a few thousand numbers. */
const SETUP_STEPS = 1_000_000;

interface Mp3Block {
  readonly sampleRate: number;
  readonly channels: Float32Array[];
}

/** @throws {EngineError} E_AUDIO_INVALID when there is no MP3 frame in the bytes, or decoding takes too long */
export async function openMp3(bytes: Uint8Array, module: WebAssembly.Module): Promise<AudioReader> {
  const instance = await WebAssembly.instantiate(module, {});
  const data = await wholeFrames(bytes.subarray(id3Bytes(bytes)));
  const blocks = new Mp3Blocks(instance.exports as unknown as Mp3Exports, data);
  // The first block may be the search through a whole file.
  await takeTurn();
  let next = blocks.read();
  await takeTurn();
  if (next === null)
    throw invalidAudio('mp3: no frame in the file', 'MPEG layer 3 audio', 'Encode it again');
  const { sampleRate, channels } = next;
  checkFormat('mp3', sampleRate, channels.length);
  blocks.expect(sampleRate, channels.length);
  return {
    container: 'mp3',
    sampleRate,
    nChannel: channels.length,
    statedSeconds: null,
    isTruncated: false,
    read() {
      const block = next;
      if (block === null) return null;
      // Recordings joined into one file are read as long as their formats agree.
      const isAlike = block.sampleRate === sampleRate && block.channels.length === channels.length;
      next = isAlike ? blocks.read() : null;
      return isAlike ? block.channels : null;
    },
  };
}

/** One file, in a decoder instance of its own. */
class Mp3Blocks {
  readonly #mp3: Mp3Exports;
  readonly #fuel: Fuel;
  #blockSteps = MAX_BLOCK_SAMPLES * STEPS_PER_SAMPLE;
  #scanSteps: number;

  constructor(mp3: Mp3Exports, data: Uint8Array) {
    this.#mp3 = mp3;
    this.#fuel = new Fuel(mp3, (what) =>
      invalidAudio(`mp3: ${what}`, 'frames that decode', 'Encode it again'),
    );
    this.#scanSteps = data.length * SCAN_STEPS_PER_BYTE;
    this.#fuel.run(SETUP_STEPS, () => this.#fill(data));
  }

  /** Sets the block size: blocks of this format are smaller than the largest possible. */
  expect(sampleRate: number, nChannel: number): void {
    this.#blockSteps = BLOCK_SECONDS * sampleRate * nChannel * STEPS_PER_SAMPLE;
  }

  /** The next block; null at the end. */
  read(): Mp3Block | null {
    const block = this.#fuel.run(this.#blockSteps + this.#scanSteps, () => this.#decode());
    this.#scanSteps = Math.min(this.#scanSteps, this.#fuel.left);
    return block;
  }

  #fill(data: Uint8Array): void {
    const { memory } = this.#mp3;
    this.#mp3.decoder_init();
    this.#mp3.decoder_set_mp3_data_size(data.length);
    new Uint8Array(memory.buffer, this.#mp3.decoder_mp3_data_offset(), data.length).set(data);
    // Grows the memory once for every block: views of it stay valid.
    const end = this.#mp3.decoder_pcm_data_offset() + 2 * (MAX_BLOCK_SAMPLES + MAX_FRAME_SAMPLES);
    memory.grow(Math.max(0, Math.ceil((end - memory.buffer.byteLength) / 65_536)));
  }

  #decode(): Mp3Block | null {
    const mp3 = this.#mp3;
    const pcm = new Int16Array(mp3.memory.buffer, mp3.decoder_pcm_data_offset(), MAX_BLOCK_SAMPLES);
    pcm.fill(UNWRITTEN);
    mp3.decoder_decode(BLOCK_SECONDS);
    const nChannel = mp3.decode_results_num_channels();
    const nSample = writtenSamples(pcm, mp3.decode_results_num_samples());
    if (nSample <= 0 || nChannel <= 0) return null;
    const length = Math.floor(nSample / nChannel);
    const channels = Array.from({ length: nChannel }, (_, channel) =>
      Float32Array.from({ length }, (_sample, i) => pcm[i * nChannel + channel]! / 0x8000),
    );
    return { sampleRate: mp3.decode_results_sampling_rate(), channels };
  }
}

/** The decoder counts a frame by its header, even if it cannot decode it for want of earlier frames. */
function writtenSamples(pcm: Int16Array, nCounted: number): number {
  let n = nCounted;
  while (n > 0 && pcm[n - 1] === UNWRITTEN) n--;
  return nCounted - n < MIN_FRAME_SAMPLES ? nCounted : n;
}
