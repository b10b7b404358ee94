/** Recordings that ffmpeg encoded (fixtures/make.sh), told apart by their bytes and decoded. */
import { beforeAll, describe, expect, test } from 'vitest';
import { openFlac } from '../../engine/audio/flac.ts';
import { openWav } from '../../engine/audio/wav.ts';
import { joinBytes } from '../../engine/base/joined.ts';
import { openAudio } from '../../worker/audio/open-audio.ts';
import type { DecoderModules } from '../../worker/audio/open-audio.ts';
import { failure } from '../support/import-folder.ts';
import { noise } from '../support/recordings.ts';
import { decoderModules, readAll, readMono, signalToNoise, soundFile } from '../support/sound.ts';

let modules: DecoderModules;
let sound: Float32Array;
beforeAll(async () => {
  modules = await decoderModules();
  sound = readAll(openWav(await soundFile('sound.wav')))[0]!;
});
const open = async (name: string) => await openAudio(await soundFile(name), modules);

test('FLAC gives back every sample', async () => {
  const reader = await open('sound.flac');
  expect(reader).toMatchObject({
    container: 'flac',
    sampleRate: 16_000,
    nChannel: 1,
    statedSeconds: 1,
  });
  expect(readAll(reader)).toEqual([sound]);
  expect(reader.isTruncated).toBe(false);
});

test('FLAC of 24 bits and two channels gives back every sample', async () => {
  const want = readAll(openWav(await soundFile('stereo.wav')));
  expect(readAll(await open('stereo.flac'))).toEqual(want);
});

test('Opus is the same sound', async () => {
  const reader = await open('sound.opus');
  const got = readAll(reader)[0]!;
  expect(reader).toMatchObject({ container: 'ogg-opus', sampleRate: 16_000, isTruncated: false });
  expect(got.length).toBe(sound.length);
  expect(signalToNoise(sound, got)).toBeGreaterThan(15);
});

test('Opus in WebM is the same sound', async () => {
  const reader = await open('sound.webm');
  const got = readAll(reader)[0]!;
  expect(reader).toMatchObject({ container: 'webm-opus', sampleRate: 16_000, isTruncated: false });
  expect(got.length).toBe(sound.length);
  expect(signalToNoise(sound, got)).toBeGreaterThan(15);
});

test('WebM as browsers record it, without sizes, is the same', async () => {
  const want = readAll(await open('sound.webm'));
  const live = Uint8Array.from(await soundFile('sound.webm'));
  const text = String.fromCharCode(...live);
  // All bits of a size set, in eight bytes and in two, mean that it is unknown.
  live.set([1, 255, 255, 255, 255, 255, 255, 255], text.indexOf('\x18\x53\x80\x67') + 4);
  live.set([0x7f, 0xff], text.indexOf('\x1f\x43\xb6\x75') + 4);
  expect(readAll(await openAudio(live, modules))).toEqual(want);
});

test('MP3 is the same sound, a little later', async () => {
  const reader = await open('sound.mp3');
  const got = readMono(reader, 16_000);
  const noise = Array.from({ length: 2500 }, (_, delay) =>
    signalToNoise(sound.subarray(0, 8000), got.subarray(delay, delay + 8000)),
  );
  expect(reader.container).toBe('mp3');
  expect(Math.max(...noise)).toBeGreaterThan(15);
});

test('a tag in front of MP3 and FLAC is passed over', async () => {
  const tag = Uint8Array.from([0x49, 0x44, 0x33, 4, 0, 0, 0, 0, 1, 0, ...new Uint8Array(128)]);
  for (const name of ['sound.mp3', 'sound.flac']) {
    const tagged = Uint8Array.from([...tag, ...(await soundFile(name))]);
    const got = readAll(await openAudio(tagged, modules));
    expect(got).toEqual(readAll(await open(name)));
  }
});

describe('cut off anywhere: what was there, or an error that says so', () => {
  test.each(['sound.flac', 'sound.opus', 'sound.webm', 'sound.mp3', 'sound.wav', 'bursts.aac'])(
    '%s',
    async (name) => {
      const bytes = await soundFile(name);
      const whole = readAll(await open(name))[0]!;
      for (const part of [0.01, 0.1, 0.37, 0.7, 0.95]) {
        const cut = bytes.subarray(0, Math.floor(bytes.length * part));
        try {
          const reader = await openAudio(cut, modules);
          const got = readAll(reader)[0]!;
          expect(got.length).toBeLessThan(whole.length);
          const nSure = Math.max(0, got.length - 2000);
          expect(got.subarray(0, nSure)).toEqual(whole.subarray(0, nSure));
          if (name !== 'sound.mp3') expect(reader.isTruncated).toBe(true);
        } catch (error) {
          expect(error).toMatchObject({ code: 'E_AUDIO_INVALID', param: 'file' });
        }
      }
    },
  );
});

describe('damaged anywhere: no crash and no endless loop', () => {
  const NAMES = [
    ...['sound.flac', 'sound.opus', 'sound.webm', 'sound.mp3', 'sound.wav', 'endless.mp3'],
    ...['sound.m4a', 'fragments.m4a', 'bursts.aac'],
  ];
  test.each(NAMES)('%s', async (name) => {
    const bytes = await soundFile(name);
    let nRefused = 0;
    for (let round = 0; round < 60; round++) {
      const hurt = Uint8Array.from(bytes);
      // A fixed walk through the file: the header's bytes first, then everywhere.
      for (let i = 0; i < 3; i++) {
        const at = round < 40 ? round + i : (round * 7919 + i * 104_729) % hurt.length;
        hurt[at]! ^= 1 << ((round + i) % 8);
      }
      try {
        readAll(await openAudio(hurt, modules));
      } catch (error) {
        expect(error).toMatchObject({ code: 'E_AUDIO_INVALID' });
        nRefused++;
      }
    }
    expect(nRefused).toBeGreaterThan(0);
  });
});

describe('what made minimp3 turn for ever', () => {
  const HEADER = 20;
  const FRAME = 288;
  /** Twelve seconds: most blocks begin within the stream. */
  const longMp3 = async () => {
    const one = await soundFile('sound.mp3');
    return joinBytes([one, ...Array.from({ length: 11 }, () => one.subarray(HEADER))]);
  };

  test('one frame whose bits were cut away, and the beginning of the next', async () => {
    const error = await failure(open('endless.mp3'));
    expect(error).toMatchObject({ code: 'E_AUDIO_INVALID', param: 'file' });
    expect(error.message).toContain('mp3: no frame in the file');
  });

  test.each([
    ['a tag', new TextEncoder().encode('TAG'.padEnd(128))],
    ['zeros', new Uint8Array(5000)],
    ['noise', Uint8Array.from(noise(50_000), (x) => Math.floor(128 * (x + 1)))],
  ])('%s at the end: the sound is all of it', async (_, end) => {
    const long = await longMp3();
    const want = readAll(await openAudio(long, modules));
    expect(want[0]!.length).toBe(214_272);
    expect(readAll(await openAudio(joinBytes([long, end]), modules))).toEqual(want);
  });

  test('cut in the last frame: the sound is all but that frame', async () => {
    const long = await longMp3();
    const [want] = readAll(await openAudio(long, modules));
    for (const nCut of [1, 100, FRAME - 5, FRAME - 1]) {
      const got = readAll(await openAudio(long.subarray(0, long.length - nCut), modules));
      expect(got).toEqual([want!.subarray(0, -576)]);
    }
  });

  test('begun and ended in the middle: what can be decoded is heard', async () => {
    const long = await longMp3();
    const from = HEADER + 5 * FRAME;
    const got = readAll(await openAudio(long.subarray(from, from + 200 * FRAME + 60), modules));
    expect(got[0]!.length).toBeGreaterThan(197 * 576);
  });

  test('headers without end, with and without a rate', async () => {
    for (const rate of [0x90, 0x00]) {
      const headers = new Uint8Array(3_000_000);
      for (let i = 0; i < headers.length; i += 3) headers.set([0xff, 0xfb, rate], i);
      const error = await failure(openAudio(headers, modules));
      expect(error).toMatchObject({ code: 'E_AUDIO_INVALID', param: 'file' });
    }
  });

  test('frames of which none decodes', async () => {
    const frames = new Uint8Array(417 * 10_000).fill(0xff);
    for (let at = 0; at < frames.length; at += 417) frames.set([0xff, 0xfb, 0x90, 0xc0], at);
    const error = await failure(openAudio(frames, modules));
    expect(error).toMatchObject({ code: 'E_AUDIO_INVALID', param: 'file' });
  });
});

test('a damaged FLAC frame is told by its checksum', async () => {
  const bytes = Uint8Array.from(await soundFile('sound.flac'));
  bytes[bytes.length - 100]! ^= 4;
  expect(() => readAll(openFlac(bytes))).toThrow(/checksum|damaged/);
});

test.each([
  ['vorbis.ogg', 'Vorbis'],
  ['make.sh', 'not a recording'],
])('%s is refused by name', async (name, text) => {
  const error = await failure(open(name));
  expect(error.code).toBe('E_AUDIO_INVALID');
  expect(error.message).toContain(text);
});

test('no bytes', async () => {
  expect((await failure(openAudio(new Uint8Array(0), modules))).message).toContain('0 bytes');
});
