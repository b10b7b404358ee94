/** AAC-LC: what ffmpeg encoded, in MP4, in fragments and in ADTS; and the parts of the decoder by themselves. */
import { describe, expect, test } from 'vitest';
import { readChannel } from '../../engine/audio/aac/channel-stream.ts';
import { FrameBits } from '../../engine/audio/aac/frame-bits.ts';
import { BitWriter } from '../../engine/audio/bit-writer.ts';
import { CosineTransform } from '../../engine/audio/aac/synthesis.ts';
import { fillNoise } from '../../engine/audio/aac/stereo.ts';
import { NOISE_BOOK } from '../../engine/audio/aac/channel.ts';
import type { ChannelStream } from '../../engine/audio/aac/channel.ts';
import { openAdts, openM4a } from '../../engine/audio/aac/open-aac.ts';
import { openFlac } from '../../engine/audio/flac.ts';
import { openWav } from '../../engine/audio/wav.ts';
import { joinBytes } from '../../engine/base/joined.ts';
import { noise } from '../support/recordings.ts';
import { readAll, signalToNoise, soundFile } from '../support/sound.ts';

const read = async (name: string) => Uint8Array.from(await soundFile(name));
const at = (bytes: Uint8Array, text: string) => String.fromCharCode(...bytes).indexOf(text);

test('every window, intensity and noise shaping: as ffmpeg decodes it', async () => {
  const want = readAll(openFlac(await read('bursts.flac'), 0));
  const reader = openAdts(await read('bursts.aac'));
  expect(reader).toMatchObject({ container: 'aac', sampleRate: 22_050, nChannel: 2 });
  const got = readAll(reader);
  for (const [channel, samples] of got.entries()) {
    expect(samples.length).toBe(want[channel]!.length);
    // Theirs is rounded to 16 bits.
    expect(signalToNoise(samples, want[channel]!)).toBeGreaterThan(75);
  }
});

test.each(['sound.m4a', 'fragments.m4a'])('%s is the same sound', async (name) => {
  const want = readAll(openWav(await read('sound.wav')))[0]!;
  const reader = openM4a(await read(name));
  expect(reader).toMatchObject({ container: 'm4a', sampleRate: 16_000, nChannel: 1 });
  const got = readAll(reader)[0]!;
  // An edit list says where the sound begins and ends; fragments have none.
  const delay = name === 'sound.m4a' ? 0 : 1024;
  if (delay === 0) expect(got.length).toBe(want.length);
  expect(signalToNoise(want, got.subarray(delay))).toBeGreaterThan(15);
  expect(reader.isTruncated).toBe(false);
});

test('fragments hold the same sound as the whole file', async () => {
  const [whole, parts] = [openM4a(await read('sound.m4a')), openM4a(await read('fragments.m4a'))];
  const want = readAll(whole)[0]!;
  expect(signalToNoise(want, readAll(parts)[0]!.subarray(1024))).toBeGreaterThan(100);
});

test('noise between ADTS frames is passed over', async () => {
  const bytes = await read('bursts.aac');
  const want = readAll(openAdts(bytes));
  const length = ((bytes[3]! & 3) << 11) | (bytes[4]! << 3) | (bytes[5]! >> 5);
  const zeros = new Uint8Array(100);
  const spread = joinBytes([bytes.subarray(0, length), zeros, bytes.subarray(length), zeros]);
  expect(readAll(openAdts(spread))).toEqual(want);
});

describe('refused by name', () => {
  const patched = async (find: string, skip: number, ...values: number[]) => {
    const bytes = await read('sound.m4a');
    bytes.set(values, at(bytes, find) + skip);
    return bytes;
  };
  test.each([
    ['another codec', 'mp4a', 0, [...'alac'].map((char) => char.charCodeAt(0)), 'sound as "alac"'],
    ['no track of sound', 'soun', 0, [0x76, 0x69, 0x64, 0x65], 'no track of sound'],
    ['no tracks', 'moov', 0, [0x66, 0x72, 0x65, 0x65], 'no description'],
    // The two bytes after the tag of DecoderSpecificInfo and its length: type 1 at 16 kHz.
    ['AAC Main', '\x05\x80\x80\x80', 5, [0x0c, 0x08], 'audio object type 1'],
    ['sizes without end', 'stsz', 8, [0x7f, 0xff, 0xff, 0xff], 'more bytes of sound'],
  ])('%s', async (_, find, skip, values, text) => {
    const bytes = await patched(find, skip, ...values);
    const run = () => readAll(openM4a(bytes));
    expect(run).toThrow(text);
    expect(run).toThrow(expect.objectContaining({ code: 'E_AUDIO_INVALID', param: 'file' }));
  });
});

test.each([128, 1024])('the transform of %i equals its formula', (n) => {
  const input = Float64Array.from(noise(n));
  const got = new Float64Array(n);
  new CosineTransform(n).run(input, got);
  const want = Float32Array.from({ length: n }, (_, m) =>
    input.reduce((sum, x, k) => sum + x * Math.cos((Math.PI / n) * (m + 0.5) * (k + 0.5)), 0),
  );
  expect(signalToNoise(want, Float32Array.from(got))).toBeGreaterThan(120);
});

test('a pulse is added before coefficients are scaled', () => {
  const writer = new BitWriter(16);
  // Gain of 100, then a long window of one band.
  for (const [value, nBit] of [
    ...[
      [100, 8],
      [0, 1],
      [0, 2],
      [0, 1],
      [1, 6],
      [0, 1],
    ],
    // One section of book 1, a scale factor as the gain.
    ...[
      [1, 4],
      [1, 5],
      [0, 1],
    ],
    // One pulse of 8 at the third coefficient; no shaping, no gain control; four zeros.
    ...[
      [1, 1],
      [0, 2],
      [0, 6],
      [2, 5],
      [8, 4],
      [0, 1],
      [0, 1],
      [0, 1],
    ],
  ] as const)
    writer.write(value, nBit);
  const { spectrum } = readChannel(new FrameBits(writer.done()), 3, null);
  expect([...spectrum.subarray(0, 4)]).toEqual([0, 0, expect.closeTo(8 ** (4 / 3), 9), 0]);
});

test('noise has the level that is stated, and is the same for the same seed', () => {
  const make = (seed: number) => {
    const spectrum = new Float64Array(1024);
    const band = { group: 0, index: 3, book: NOISE_BOOK, factor: 20, starts: [64, 192], width: 32 };
    const stream = { bands: [band], spectrum } as unknown as ChannelStream;
    fillNoise(stream, () => seed);
    return spectrum;
  };
  const energy = (part: Float64Array) => part.reduce((sum, x) => sum + x * x, 0);
  const spectrum = make(7);
  // 2^(factor / 4) is the root of the energy of each window's band.
  expect(energy(spectrum.subarray(64, 96))).toBeCloseTo(2 ** 10, 6);
  expect(energy(spectrum.subarray(192, 224))).toBeCloseTo(2 ** 10, 6);
  expect(energy(spectrum)).toBeCloseTo(2 ** 11, 6);
  expect(make(7)).toEqual(spectrum);
  expect(make(8)).not.toEqual(spectrum);
});
