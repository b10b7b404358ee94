/** MP3 and Opus that is written here, read back by minimp3 and libopus. */
import { beforeAll, describe, expect, test } from 'vitest';
import { joinBytes } from '../../engine/base/joined.ts';
import { Resampler } from '../../engine/audio/resampler.ts';
import { openWav } from '../../engine/audio/wav.ts';
import { checksum, OggOpusWriter } from '../../engine/audio/write-ogg.ts';
import { oggPackets } from '../../engine/audio/ogg.ts';
import { MP3_DELAY_SAMPLES } from '../../engine/audio/mp3/encoder.ts';
import { openAudio } from '../../worker/audio/open-audio.ts';
import type { DecoderModules } from '../../worker/audio/open-audio.ts';
import { openEncoder } from '../../worker/audio/speech-encoder.ts';
import type { Codec, EncoderModules } from '../../worker/audio/speech-encoder.ts';
import { noise } from '../support/recordings.ts';
import {
  decoderModules,
  encoderModules,
  readAll,
  signalToNoise,
  sine,
  soundFile,
} from '../support/sound.ts';

let decoders: DecoderModules;
let encoders: EncoderModules;
/** A second of three voices that glide, at 16 kHz. */
let sound: Float32Array;
beforeAll(async () => {
  decoders = await decoderModules();
  encoders = await encoderModules();
  sound = readAll(openWav(await soundFile('sound.wav')))[0]!;
});

function resampled(samples: Float32Array, from: number, to: number): Float32Array {
  if (from === to) return samples;
  const resampler = new Resampler(from, to);
  return Float32Array.from([...resampler.push(samples), ...resampler.flush()]);
}

/** @param chunk samples that are pushed at a time */
async function encode(
  codec: Codec,
  samples: Float32Array,
  rate: number,
  chunk = 5000,
): Promise<Uint8Array> {
  const encoder = await openEncoder(codec, rate, encoders);
  const pieces: Uint8Array[] = [];
  for (let at = 0; at < samples.length; at += chunk)
    pieces.push(...encoder.push(samples.subarray(at, at + chunk)));
  pieces.push(...encoder.flush());
  return joinBytes(pieces);
}

async function decode(bytes: Uint8Array) {
  const reader = await openAudio(bytes, decoders);
  return { reader, samples: readAll(reader)[0]! };
}

describe('MP3', () => {
  const RATES = [16_000, 22_050, 24_000, 32_000, 44_100, 48_000];
  test.each(RATES)('of %i Hz is the same sound, as much later as is stated', async (rate) => {
    const want = resampled(sound, 16_000, rate);
    const { reader, samples } = await decode(await encode('mp3', want, rate));
    expect(reader).toMatchObject({ container: 'mp3', sampleRate: rate, nChannel: 1 });
    expect(samples.length).toBeGreaterThanOrEqual(want.length + MP3_DELAY_SAMPLES);
    const got = samples.subarray(MP3_DELAY_SAMPLES, MP3_DELAY_SAMPLES + want.length);
    expect(signalToNoise(want, got)).toBeGreaterThan(40);
  });

  test('of a rate between is resampled to the next', async () => {
    const { reader } = await decode(await encode('mp3', sound, 20_000));
    expect(reader.sampleRate).toBe(22_050);
  });

  test.each([
    ['silence', () => new Float32Array(16_000)],
    ['full scale', () => sine(1000, 16_000, 1, 1)],
    ['beyond it', () => sine(300, 16_000, 1, 4)],
    ['noise', () => Float32Array.from(noise(16_000))],
    ['a click', () => Float32Array.from({ length: 16_000 }, (_, i) => (i === 8000 ? 1 : 0))],
  ])('of %s decodes whole', async (_, make) => {
    const samples = make();
    const bytes = await encode('mp3', samples, 16_000);
    // 64 kbit/s, 36 ms a frame: each has 288 bytes whatever is in it.
    expect(bytes.length % 288).toBe(0);
    const { samples: got } = await decode(bytes);
    expect(got.length).toBe((bytes.length / 288) * 576);
  });

  test('of noise: louder bands keep their level', async () => {
    const want = Float32Array.from(noise(16_000), (x) => x / 2);
    const { samples } = await decode(await encode('mp3', want, 16_000));
    const power = (x: Float32Array) => x.reduce((sum, v) => sum + v * v, 0);
    expect(power(samples) / power(want)).toBeGreaterThan(0.8);
    expect(power(samples) / power(want)).toBeLessThan(1.1);
  });

  test('frames at 22,050 Hz keep to 64 kbit/s', async () => {
    const bytes = await encode('mp3', sine(440, 22_050, 4), 22_050);
    const nFrame = Math.ceil((4 * 22_050 + MP3_DELAY_SAMPLES) / 576);
    expect(bytes.length).toBe(Math.floor((nFrame * 576 * 8000) / 22_050));
  });
});

describe('Opus', () => {
  test.each([16_000, 22_050, 24_000, 44_100])('of %i Hz is the same sound', async (rate) => {
    const want = resampled(sound, 16_000, rate);
    const bytes = await encode('opus', want, rate);
    const { reader, samples } = await decode(bytes);
    expect(reader).toMatchObject({ container: 'ogg-opus', nChannel: 1, isTruncated: false });
    expect(Math.abs(samples.length - sound.length)).toBeLessThanOrEqual(2);
    expect(signalToNoise(sound, samples)).toBeGreaterThan(rate === 16_000 ? 25 : 12);
  });

  test('says where it ends, to the sample', async () => {
    for (const nSample of [1, 319, 320, 321, 5000, 16_000]) {
      const bytes = await encode('opus', sound.subarray(0, nSample), 16_000);
      const { samples } = await decode(bytes);
      expect(samples.length).toBe(nSample);
    }
  });
});

describe('FLAC', () => {
  const clamped = (x: number) => Math.max(-32_768, Math.min(32_767, x));
  test.each([
    ['speech', () => sound],
    ['silence', () => new Float32Array(5000)],
    ['noise, as it is', () => Float32Array.from(noise(9000))],
    ['beyond full scale', () => sine(300, 16_000, 1, 4)],
    ['one sample', () => Float32Array.of(0.5)],
  ])('gives back every sample of %s', async (_, make) => {
    // Zero has one sign in whole numbers.
    const want = make().map((x) => clamped(Math.round(x * 32_768)) / 32_768 + 0);
    const bytes = await encode('flac', make(), 16_000);
    const { reader, samples } = await decode(bytes);
    expect(reader).toMatchObject({ container: 'flac', sampleRate: 16_000, isTruncated: false });
    expect(samples).toEqual(want);
  });

  test('takes less than the samples themselves, and never much more', async () => {
    expect((await encode('flac', sound, 16_000)).length).toBeLessThan(1.5 * sound.length);
    const loud = Float32Array.from(noise(40_960));
    expect((await encode('flac', loud, 16_000)).length).toBeLessThan(2 * loud.length + 400);
  });

  test('counts more blocks than a byte holds', async () => {
    const long = new Float32Array(4096 * 2100 + 7);
    const { samples } = await decode(await encode('flac', long, 16_000, 4096 * 300));
    expect(samples.length).toBe(long.length);
  });
});

test.each(['mp3', 'opus', 'flac'] as const)(
  '%s does not depend on how samples are cut',
  async (codec) => {
    const want = await encode(codec, sound, 16_000);
    const packets = (bytes: Uint8Array) => [...oggPackets(bytes)].map(({ data }) => data);
    for (const chunk of [1, 577, 16_000]) {
      const got = await encode(codec, sound, 16_000, chunk);
      if (codec !== 'opus') expect(got).toEqual(want);
      else expect(packets(got)).toEqual(packets(want));
    }
  },
);

test.each(['mp3', 'opus'] as const)('%s comes before the end', async (codec) => {
  const encoder = await openEncoder(codec, 16_000, encoders);
  const first = joinBytes(encoder.push(sound.subarray(0, 2000)));
  expect(first.length).toBeGreaterThan(0);
  expect(joinBytes(encoder.push(sound.subarray(2000, 4000))).length).toBeGreaterThan(0);
});

test('the checksum of Ogg pages is that of RFC 3533', () => {
  // The remainder of a single byte 1 is the polynomial itself, once it has left the register.
  expect(checksum(Uint8Array.of(1))).toBe(0x04c1_1db7);
  const page = new OggOpusWriter().page([Uint8Array.of(1, 2, 3)], 960, true);
  const stated = new DataView(page.buffer).getUint32(22, true);
  page.fill(0, 22, 26);
  expect(stated).toBe(checksum(page));
});
