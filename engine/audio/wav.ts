/**
 * WAV (RIFF WAVE; Microsoft's multimedia standards update of 1994 and WAVEFORMATEXTENSIBLE): integers
 * of 8 to 32 bits, floats of 32 and 64, A-law and mu-law. Also bare PCM without a header.
 */
import { BLOCK_SAMPLES, checkFormat, invalidAudio, tagAt } from './audio-reader.ts';
import type { AudioReader } from './audio-reader.ts';
import { decodeALaw, decodeMuLaw } from './telephone-laws.ts';

type ReadSample = (view: DataView, at: number) => number;

/** Sample codings by format tag and bits. */
const CODINGS: Readonly<Record<string, ReadSample>> = {
  '1/8': (view, at) => (view.getUint8(at) - 128) / 128,
  '1/16': (view, at) => view.getInt16(at, true) / 0x8000,
  '1/24': (view, at) => (view.getInt16(at + 1, true) * 256 + view.getUint8(at)) / 0x80_0000,
  '1/32': (view, at) => view.getInt32(at, true) / 0x8000_0000,
  '3/32': (view, at) => finite(view.getFloat32(at, true)),
  '3/64': (view, at) => finite(view.getFloat64(at, true)),
  '6/8': (view, at) => decodeALaw(view.getUint8(at)),
  '7/8': (view, at) => decodeMuLaw(view.getUint8(at)),
};
const EXTENSIBLE = 0xfffe;
/** Chunks before the samples, at most: real files have a handful. */
const MAX_CHUNKS = 1000;
/** Sizes written by programs that do not know the length yet. */
const UNKNOWN_SIZES: readonly number[] = [0, 0xffff_ffff, 0x7fff_ffff];

interface WavFormat {
  readonly tag: number;
  readonly nChannel: number;
  readonly sampleRate: number;
  readonly bits: number;
}

/** @throws {EngineError} E_AUDIO_INVALID for headers that are impossible or not supported. */
export function openWav(bytes: Uint8Array): AudioReader {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  let format: WavFormat | null = null;
  let at = 12;
  for (let n = 0; at + 8 <= bytes.length; n++) {
    if (n === MAX_CHUNKS)
      throw invalidAudio(`wav: more than ${MAX_CHUNKS} chunks`, 'a recording', 'Save it again');
    const size = view.getUint32(at + 4, true);
    const name = tagAt(bytes, at);
    if (name === 'fmt ') format = readFormat(view, at + 8, size);
    if (name === 'data') {
      if (format === null)
        throw invalidAudio('wav: samples before their format', 'a fmt chunk', 'Save it again');
      return samplesOf(bytes.subarray(at + 8), format, UNKNOWN_SIZES.includes(size) ? null : size);
    }
    at += 8 + size + (size % 2);
  }
  throw invalidAudio('wav: no data chunk', 'samples', 'The file was cut off: save it again');
}

/** Samples without a header: 16-bit integers, little endian. */
export function openPcm16(bytes: Uint8Array, sampleRate: number, nChannel = 1): AudioReader {
  checkFormat('pcm', sampleRate, nChannel);
  return {
    ...samplesOf(bytes, { tag: 1, nChannel, sampleRate, bits: 16 }, null),
    container: 'pcm',
  };
}

function readFormat(view: DataView, at: number, size: number): WavFormat {
  if (size < 16 || at + size > view.byteLength)
    throw invalidAudio(`wav: a fmt chunk of ${size} bytes`, '16 or more', 'Save it again');
  const bits = view.getUint16(at + 14, true);
  const given = view.getUint16(at, true);
  const tag = given === EXTENSIBLE && size >= 26 ? view.getUint16(at + 24, true) : given;
  const nChannel = view.getUint16(at + 2, true);
  const sampleRate = view.getUint32(at + 4, true);
  checkFormat('wav', sampleRate, nChannel);
  if (CODINGS[`${tag}/${bits}`] === undefined)
    throw invalidAudio(
      `wav: coding ${tag} with ${bits} bits`,
      'PCM of 8, 16, 24 or 32 bits, floats of 32 or 64, A-law or mu-law',
      'Save it as 16-bit PCM',
    );
  return { tag, nChannel, sampleRate, bits };
}

function samplesOf(
  data: Uint8Array,
  { tag, bits, nChannel, sampleRate }: WavFormat,
  statedBytes: number | null,
): AudioReader {
  const read = CODINGS[`${tag}/${bits}`]!;
  const sampleBytes = bits / 8;
  const frameBytes = sampleBytes * nChannel;
  const nFrame = Math.floor(Math.min(data.length, statedBytes ?? data.length) / frameBytes);
  const view = new DataView(data.buffer, data.byteOffset, data.byteLength);
  let done = 0;
  return {
    container: 'wav',
    sampleRate,
    nChannel,
    statedSeconds: nFrame / sampleRate,
    isTruncated: statedBytes !== null && statedBytes > data.length,
    read() {
      const n = Math.min(nFrame - done, BLOCK_SAMPLES);
      if (n <= 0) return null;
      const start = done * frameBytes;
      done += n;
      return Array.from({ length: nChannel }, (_, channel) => {
        const samples = new Float32Array(n);
        let at = start + channel * sampleBytes;
        for (let i = 0; i < n; i++, at += frameBytes) samples[i] = read(view, at);
        return samples;
      });
    },
  };
}

function finite(x: number): number {
  return Number.isFinite(x) ? x : 0;
}
