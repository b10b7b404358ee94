/** Speech as Opus in Ogg (RFC 7845): libopus, one packet for 20 ms. */
import { joinFloats } from '../../engine/base/joined.ts';
import { EngineError } from '../../engine/base/errors.ts';
import { Resampler } from '../../engine/audio/resampler.ts';
import { pcm16 } from '../../engine/audio/write-wav.ts';
import { OggOpusWriter } from '../../engine/audio/write-ogg.ts';
import { Fuel } from '../platform/fuel.ts';
import type { FueledExports } from '../platform/fuel.ts';
import type { SpeechEncoder } from './encoder.ts';

type Call = (...args: number[]) => number;
/** Exports of the module of @evan/opus 1.0.3. */
interface OpusExports extends FueledExports {
  readonly memory: WebAssembly.Memory;
  readonly _initialize: () => void;
  readonly malloc: Call;
  readonly opus_encoder_get_size: Call;
  readonly opus_encoder_init: Call;
  readonly opus_encoder_ctl_set: Call;
  readonly opus_encoder_ctl_get: Call;
  readonly opus_encode: Call;
}

/** In Hz: the rates that libopus encodes. */
const SAMPLE_RATES = [8000, 12_000, 16_000, 24_000, 48_000] as const;
/** In Hz: what positions in the stream count, whatever rate was encoded. */
const GRANULE_RATE = 48_000;
const PACKETS_PER_SECOND = 50;
const GRANULES_PER_PACKET = GRANULE_RATE / PACKETS_PER_SECOND;
/** Packets of a page; more would delay live players. */
const MAX_PAGE_PACKETS = 50;
const BIT_RATE = 48_000;
/** From 0 to 10: half the time of the default, and speech at this bit rate sounds the same. */
const COMPLEXITY = 5;
/** More than a packet of 20 ms can have (RFC 6716 section 3.2.1: 1,275 bytes). */
const MAX_PACKET_BYTES = 1500;
/** Names of opus_defines.h. */
const OPUS_APPLICATION_AUDIO = 2049;
const OPUS_SET_BITRATE = 4002;
const OPUS_SET_COMPLEXITY = 4010;
const OPUS_SET_SIGNAL = 4024;
const OPUS_SIGNAL_VOICE = 3001;
const OPUS_GET_LOOKAHEAD = 4027;
/** Measured: 75,000 for a packet of speech, 67,000 of noise. */
const PACKET_STEPS = 2_000_000;

export class OpusEncoder implements SpeechEncoder {
  readonly #opus: OpusExports;
  readonly #fuel: Fuel;
  readonly #ogg = new OggOpusWriter();
  readonly #sampleRate: number;
  readonly #resampler: Resampler | null;
  /** Addresses in the module's memory: the encoder, samples, a packet. */
  readonly #encoder: number;
  readonly #input: number;
  readonly #output: number;
  /** Samples at GRANULE_RATE that come before the first that was pushed. */
  readonly #preSkip: number;
  #pending: Float32Array = new Float32Array(0);
  #isBegun = false;
  #nSample = 0;
  #nPacket = 0;

  /** @param sampleRate in Hz, of the samples that will be pushed */
  static async load(module: WebAssembly.Module, sampleRate: number): Promise<OpusEncoder> {
    const nothing = () => 0;
    const instance = await WebAssembly.instantiate(module, {
      env: { emscripten_notify_memory_growth: nothing },
      wasi_snapshot_preview1: {
        ...{ fd_seek: nothing, fd_write: nothing, fd_close: nothing, proc_exit: nothing },
      },
    });
    return new OpusEncoder(instance.exports as unknown as OpusExports, sampleRate);
  }

  private constructor(opus: OpusExports, sampleRate: number) {
    this.#opus = opus;
    this.#fuel = new Fuel(opus, broken);
    this.#sampleRate = SAMPLE_RATES.find((rate) => rate >= sampleRate) ?? GRANULE_RATE;
    this.#resampler =
      this.#sampleRate === sampleRate ? null : new Resampler(sampleRate, this.#sampleRate);
    const run = (call: () => number) => check(this.#fuel.run(PACKET_STEPS, call));
    this.#fuel.run(PACKET_STEPS, () => opus._initialize());
    this.#encoder = run(() => opus.malloc(opus.opus_encoder_get_size(1)));
    this.#input = run(() => opus.malloc(2 * this.#packetSamples));
    this.#output = run(() => opus.malloc(MAX_PACKET_BYTES));
    run(() => opus.opus_encoder_init(this.#encoder, this.#sampleRate, 1, OPUS_APPLICATION_AUDIO));
    const set = (what: number, value: number) =>
      run(() => opus.opus_encoder_ctl_set(this.#encoder, what, value));
    set(OPUS_SET_BITRATE, BIT_RATE);
    set(OPUS_SET_COMPLEXITY, COMPLEXITY);
    set(OPUS_SET_SIGNAL, OPUS_SIGNAL_VOICE);
    const lookahead = run(() => opus.opus_encoder_ctl_get(this.#encoder, OPUS_GET_LOOKAHEAD));
    this.#preSkip = (lookahead * GRANULE_RATE) / this.#sampleRate;
  }

  push(samples: Float32Array): Uint8Array<ArrayBuffer>[] {
    return this.#encode(this.#resampler?.push(samples) ?? samples);
  }

  flush(): Uint8Array<ArrayBuffer>[] {
    const rest = this.#resampler?.flush() ?? new Float32Array(0);
    const pages = this.#encode(rest);
    // The last packets reach past the last sample, which their page says.
    const end = this.#preSkip + this.#granules(this.#nSample);
    const nPacket = Math.ceil(end / GRANULES_PER_PACKET) - this.#nPacket;
    const padded = new Float32Array(nPacket * this.#packetSamples);
    padded.set(this.#pending);
    return [...pages, this.#ogg.page(this.#packets(padded), end, true)];
  }

  #encode(samples: Float32Array): Uint8Array<ArrayBuffer>[] {
    const pages = this.#isBegun ? [] : [this.#head()];
    this.#isBegun = true;
    this.#nSample += samples.length;
    const all = joinFloats([this.#pending, samples]);
    const nWhole = all.length - (all.length % this.#packetSamples);
    this.#pending = all.slice(nWhole);
    const pageSamples = MAX_PAGE_PACKETS * this.#packetSamples;
    for (let at = 0; at < nWhole; at += pageSamples) {
      const packets = this.#packets(all.subarray(at, Math.min(nWhole, at + pageSamples)));
      pages.push(this.#ogg.page(packets, this.#nPacket * GRANULES_PER_PACKET, false));
    }
    return pages;
  }

  #head(): Uint8Array<ArrayBuffer> {
    const [nChannel, preSkip, sampleRate] = [1, this.#preSkip, this.#sampleRate];
    return this.#ogg.head({ nChannel, preSkip, sampleRate });
  }

  /** @param samples whole packets */
  #packets(samples: Float32Array): Uint8Array[] {
    const { opus_encode: encode, memory } = this.#opus;
    const packets: Uint8Array[] = [];
    for (let at = 0; at < samples.length; at += this.#packetSamples) {
      const pcm = pcm16(samples.subarray(at, at + this.#packetSamples));
      new Uint8Array(memory.buffer).set(pcm, this.#input);
      const args = [this.#input, this.#packetSamples, this.#output, MAX_PACKET_BYTES] as const;
      const nByte = check(this.#fuel.run(PACKET_STEPS, () => encode(this.#encoder, ...args)));
      packets.push(new Uint8Array(memory.buffer).slice(this.#output, this.#output + nByte));
    }
    this.#nPacket += packets.length;
    return packets;
  }

  get #packetSamples(): number {
    return this.#sampleRate / PACKETS_PER_SECOND;
  }

  #granules(nSample: number): number {
    return Math.round((nSample * GRANULE_RATE) / this.#sampleRate);
  }
}

/** Results below zero are libopus's errors. */
function check(result: number): number {
  if (result < 0) throw broken(`status ${result}`);
  return result;
}

function broken(what: string): EngineError {
  return new EngineError('E_INTERNAL', `opus: the encoder failed (${what}).`);
}
