/** Recordings for tests: made of numbers, written as WAV, read to their end. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { compileWasm } from '../../scripts/node-host/compile-wasm.ts';
import { joinFloats } from '../../engine/base/joined.ts';
import type { AudioReader } from '../../engine/audio/audio-reader.ts';
import { monoSamples } from '../../engine/audio/mono.ts';
import { repoRoot } from '../../scripts/lib/paths.ts';
import type { DecoderModules } from '../../worker/audio/open-audio.ts';
import type { EncoderModules } from '../../worker/audio/speech-encoder.ts';
import { ByteWriter } from './byte-writer.ts';

export const soundFile = (name: string): Promise<Buffer> =>
  readFile(join(repoRoot, 'tests', 'audio', 'fixtures', name));

export async function decoderModules(): Promise<DecoderModules> {
  const load = (path: string) => compileWasm(join(repoRoot, path));
  return {
    mp3: await load('dist/fuel/mp3.wasm'),
    opus: await load('dist/fuel/opus.wasm'),
  };
}

export async function encoderModules(): Promise<EncoderModules> {
  return { opusEncoder: await compileWasm(join(repoRoot, 'dist/fuel/opus-encoder.wasm')) };
}

export function sine(frequency: number, rate: number, seconds: number, size = 0.5): Float32Array {
  const step = (2 * Math.PI * frequency) / rate;
  return Float32Array.from({ length: Math.round(rate * seconds) }, (_, i) =>
    Math.fround(size * Math.sin(i * step)),
  );
}

/** All channels, whole. */
export function readAll(reader: AudioReader): Float32Array[] {
  const blocks: Float32Array[][] = [];
  for (let block = reader.read(); block !== null; block = reader.read()) blocks.push(block);
  return Array.from({ length: reader.nChannel }, (_, channel) =>
    joinFloats(blocks.map((block) => block[channel]!)),
  );
}

export function readMono(reader: AudioReader, rate: number): Float32Array {
  return joinFloats([...monoSamples(reader, rate)]);
}

export interface WavOptions {
  readonly tag?: number;
  readonly bits?: number;
  readonly rate?: number;
  readonly nChannel?: number;
  /** What the header says of the samples' bytes, when it lies. */
  readonly statedBytes?: number;
  readonly extensible?: boolean;
  /** Bytes of a chunk before the samples. */
  readonly extraChunk?: number;
}

export function wavBytes(data: Uint8Array, options: WavOptions = {}): Uint8Array {
  const { tag = 1, bits = 16, rate = 16_000, nChannel = 1, extensible = false } = options;
  const u16 = (writer: ByteWriter, value: number) =>
    writer.number(2, (view) => view.setUint16(0, value, true));
  const writer = new ByteWriter()
    .text('RIFF')
    .u32(36 + data.length)
    .text('WAVEfmt ');
  writer.u32(extensible ? 40 : 16);
  u16(u16(writer, extensible ? 0xfffe : tag), nChannel);
  writer.u32(rate).u32((rate * nChannel * bits) / 8);
  u16(u16(writer, (nChannel * bits) / 8), bits);
  if (extensible) {
    u16(u16(writer, 22), bits).u32(0);
    u16(writer, tag).raw(new Uint8Array(14));
  }
  if (options.extraChunk !== undefined)
    writer
      .text('LIST')
      .u32(options.extraChunk)
      .raw(new Uint8Array(options.extraChunk + (options.extraChunk % 2)));
  return writer
    .text('data')
    .u32(options.statedBytes ?? data.length)
    .raw(data)
    .done();
}

export function pcm16(samples: Float32Array): Uint8Array {
  const out = new Int16Array(samples.map((x) => Math.round(Math.max(-1, Math.min(1, x)) * 32_767)));
  return new Uint8Array(out.buffer);
}

/** How far `got` is from `want`, in decibels of its size. */
export function signalToNoise(want: Float32Array, got: Float32Array): number {
  let signal = 0;
  let noise = 0;
  for (const [i, x] of want.entries()) {
    signal += x * x;
    noise += (x - (got[i] ?? 0)) ** 2;
  }
  return 10 * Math.log10(signal / noise);
}
