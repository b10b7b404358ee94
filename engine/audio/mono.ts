/** A recording as one channel at one rate, piece by piece: what a recognition model reads. */
import type { AudioReader } from './audio-reader.ts';
import { Resampler } from './resampler.ts';

export function* monoSamples(
  reader: AudioReader,
  sampleRate: number,
): Generator<Float32Array, void, void> {
  const resampler =
    reader.sampleRate === sampleRate ? null : new Resampler(reader.sampleRate, sampleRate);
  for (let block = reader.read(); block !== null; block = reader.read()) {
    const mono = mixDown(block);
    yield resampler === null ? mono : resampler.push(mono);
  }
  if (resampler !== null) yield resampler.flush();
}

/** The mean of all channels. */
export function mixDown(channels: readonly Float32Array[]): Float32Array {
  const [first] = channels;
  if (first === undefined || channels.length === 1) return first ?? new Float32Array(0);
  const out = new Float32Array(first.length);
  for (const channel of channels) for (let i = 0; i < out.length; i++) out[i]! += channel[i]!;
  const scale = 1 / channels.length;
  for (let i = 0; i < out.length; i++) out[i]! *= scale;
  return out;
}
