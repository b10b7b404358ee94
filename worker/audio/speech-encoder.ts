/** Encoders of speech, a row per codec. */
import { Mp3Encoder } from '../../engine/audio/mp3/encoder.ts';
import { FlacEncoder } from '../../engine/audio/write-flac.ts';
import type { SpeechEncoder } from './encoder.ts';
import { OpusEncoder } from './opus-encoder.ts';

/** WebAssembly modules of the encoders, compiled by the host. */
export interface EncoderModules {
  readonly opusEncoder: WebAssembly.Module;
}

export const CODECS = ['mp3', 'opus', 'flac'] as const;
export type Codec = (typeof CODECS)[number];

type OpenEncoder = (
  sampleRate: number,
  modules: EncoderModules,
) => SpeechEncoder | Promise<SpeechEncoder>;

const ROWS: Readonly<Record<Codec, OpenEncoder>> = {
  flac: (sampleRate) => new FlacEncoder(sampleRate),
  mp3: (sampleRate) => new Mp3Encoder(sampleRate),
  opus: (sampleRate, { opusEncoder }) => OpusEncoder.load(opusEncoder, sampleRate),
};

/** @param sampleRate in Hz, of the samples that will be pushed */
export async function openEncoder(
  codec: Codec,
  sampleRate: number,
  modules: EncoderModules,
): Promise<SpeechEncoder> {
  return await ROWS[codec](sampleRate, modules);
}
