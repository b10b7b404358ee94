/** MP3 (ISO/IEC 11172-3), decoded by minimp3 a few seconds at a time. */
import { checkFormat, invalidAudio } from '../../engine/audio/audio-reader.ts';
import type { AudioReader } from '../../engine/audio/audio-reader.ts';
import { id3Bytes } from '../../engine/audio/flac.ts';

/** What the module exports (minimp3-wasm 0.1.0); numbers are bytes, samples or seconds. */
interface Mp3Exports {
  readonly memory: WebAssembly.Memory;
  decoder_init(): void;
  decoder_set_mp3_data_size(bytes: number): void;
  decoder_mp3_data_offset(): number;
  decoder_pcm_data_offset(): number;
  decoder_pcm_data_size(): number;
  decoder_decode(seconds: number): void;
  decode_results_sampling_rate(): number;
  decode_results_num_channels(): number;
  decode_results_num_samples(): number;
}

const BLOCK_SECONDS = 4;

/** @throws {EngineError} E_AUDIO_INVALID when there is no MP3 frame in the bytes. */
export async function openMp3(bytes: Uint8Array, module: WebAssembly.Module): Promise<AudioReader> {
  const instance = await WebAssembly.instantiate(module, {});
  const mp3 = instance.exports as unknown as Mp3Exports;
  const data = bytes.subarray(id3Bytes(bytes));
  mp3.decoder_init();
  mp3.decoder_set_mp3_data_size(data.length);
  new Uint8Array(mp3.memory.buffer, mp3.decoder_mp3_data_offset(), data.length).set(data);
  let next = decodeBlock(mp3);
  if (next === null)
    throw invalidAudio('mp3: no frame in the file', 'MPEG layer 3 audio', 'Encode it again');
  const { sampleRate, channels } = next;
  checkFormat('mp3', sampleRate, channels.length);
  return {
    container: 'mp3',
    sampleRate,
    nChannel: channels.length,
    statedSeconds: null,
    isTruncated: false,
    read() {
      const block = next;
      if (block === null) return null;
      // A splice of several recordings is read as far as they are alike.
      const isAlike = block.sampleRate === sampleRate && block.channels.length === channels.length;
      next = isAlike ? decodeBlock(mp3) : null;
      return isAlike ? block.channels : null;
    },
  };
}

function decodeBlock(mp3: Mp3Exports): { sampleRate: number; channels: Float32Array[] } | null {
  mp3.decoder_decode(BLOCK_SECONDS);
  const nChannel = mp3.decode_results_num_channels();
  const nSample = mp3.decode_results_num_samples();
  if (nSample <= 0 || nChannel <= 0) return null;
  const pcm = new Int16Array(mp3.memory.buffer, mp3.decoder_pcm_data_offset(), nSample);
  const length = Math.floor(nSample / nChannel);
  const channels = Array.from({ length: nChannel }, (_, channel) =>
    Float32Array.from({ length }, (_sample, i) => pcm[i * nChannel + channel]! / 0x8000),
  );
  return { sampleRate: mp3.decode_results_sampling_rate(), channels };
}
