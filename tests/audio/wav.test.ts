/** WAV files of every coding, and headers that lie. */
import { describe, expect, test } from 'vitest';
import { openPcm16, openWav } from '../../engine/audio/wav.ts';
import { failure } from '../support/import-folder.ts';
import { pcm16, readAll, sine, wavBytes } from '../support/sound.ts';

const WAVE = sine(440, 16_000, 0.1);

/** One sample in each coding, and how far a reader may be from it. */
const CODINGS: [name: string, tag: number, bits: number, put: Put, within: number][] = [
  ['8 bits', 1, 8, (v, at, x) => v.setUint8(at, Math.round(x * 127) + 128), 1 / 127],
  ['16 bits', 1, 16, (v, at, x) => v.setInt16(at, Math.round(x * 32_767), true), 1 / 32_000],
  [
    '24 bits',
    1,
    24,
    (v, at, x) => {
      const value = Math.round(x * 8_388_607);
      v.setUint8(at, value & 255);
      v.setInt16(at + 1, value >> 8, true);
    },
    3e-7,
  ],
  ['32 bits', 1, 32, (v, at, x) => v.setInt32(at, Math.round(x * 2_147_483_647), true), 1e-7],
  ['floats', 3, 32, (v, at, x) => v.setFloat32(at, x, true), 0],
  ['doubles', 3, 64, (v, at, x) => v.setFloat64(at, x, true), 0],
];
type Put = (view: DataView, at: number, x: number) => void;

describe('every coding', () => {
  test.each(CODINGS)('%s, one, three and eight channels', (_name, tag, bits, put, within) => {
    for (const nChannel of [1, 3, 8]) {
      const data = new Uint8Array((WAVE.length * nChannel * bits) / 8);
      const view = new DataView(data.buffer);
      for (const [i, x] of WAVE.entries())
        for (let c = 0; c < nChannel; c++) put(view, ((i * nChannel + c) * bits) / 8, x / (c + 1));
      for (const extensible of [false, true]) {
        const reader = openWav(wavBytes(data, { tag, bits, nChannel, extensible, extraChunk: 7 }));
        expect(reader).toMatchObject({ sampleRate: 16_000, nChannel, statedSeconds: 0.1 });
        for (const [c, got] of readAll(reader).entries()) {
          expect(got.length).toBe(WAVE.length);
          for (const [i, x] of WAVE.entries())
            expect(Math.abs(got[i]! - x / (c + 1))).toBeLessThanOrEqual(within + 1e-7);
        }
      }
    }
  });

  // G.711's own tables: the smallest and the largest of each sign.
  test.each([
    [6, [0xd5, 0x55, 0xaa, 0x2a], [8, -8, 32_256, -32_256]],
    [7, [0xff, 0x7f, 0x80, 0x00], [0, 0, 32_124, -32_124]],
  ])('telephone law %i', (tag, bytes, want) => {
    const [got] = readAll(openWav(wavBytes(Uint8Array.from(bytes), { tag, bits: 8, rate: 8000 })));
    expect([...got!].map((x) => x * 32_768 + 0)).toEqual(want);
  });
});

test('a header that promises more than there is: what is there, and a note', () => {
  const data = pcm16(WAVE);
  const reader = openWav(wavBytes(data, { statedBytes: 100 * data.length }));
  expect(readAll(reader)[0]!.length).toBe(WAVE.length);
  expect(reader.isTruncated).toBe(true);
  const streamed = openWav(wavBytes(data, { statedBytes: 0xffff_ffff }));
  expect(readAll(streamed)[0]!.length).toBe(WAVE.length);
  expect(streamed.isTruncated).toBe(false);
});

test('half a frame at the end is left out', () => {
  const data = pcm16(WAVE);
  const reader = openWav(wavBytes(data.subarray(0, data.length - 1), { nChannel: 2 }));
  expect(readAll(reader).map(({ length }) => length)).toEqual([799, 799]);
});

test('what is not a number is silence', () => {
  const data = new Uint8Array(new Float32Array([NaN, Infinity, 0.5]).buffer);
  expect([...readAll(openWav(wavBytes(data, { tag: 3, bits: 32 })))[0]!]).toEqual([0, 0, 0.5]);
});

describe('refused with the value and the fix', () => {
  const data = pcm16(WAVE);
  test.each([
    ['a rate of 4 Hz', wavBytes(data, { rate: 4 }), 'sample rate 4 Hz'],
    ['a rate of 1 MHz', wavBytes(data, { rate: 1e6 }), 'sample rate 1000000 Hz'],
    ['9 channels', wavBytes(data, { nChannel: 9 }), '9 channels'],
    ['0 channels', wavBytes(data, { nChannel: 0 }), '0 channels'],
    ['ADPCM', wavBytes(data, { tag: 2, bits: 4 }), 'coding 2 with 4 bits'],
    ['12 bits', wavBytes(data, { bits: 12 }), 'coding 1 with 12 bits'],
    ['no samples', wavBytes(data).subarray(0, 36), 'no data chunk'],
    ['a chunk that never ends', wavBytes(data, { extraChunk: 0 }).subarray(0, 43), 'no data chunk'],
  ])('%s', async (_name, bytes, text) => {
    const error = await failure(Promise.resolve(bytes).then(openWav));
    expect(error.code).toBe('E_AUDIO_INVALID');
    expect(error.message).toContain(text);
  });
});

test('bare samples of 16 bits, an odd byte left out', () => {
  const bytes = Uint8Array.from([0, 64, 0, 192, 7]);
  expect([...readAll(openPcm16(bytes, 8000))[0]!]).toEqual([0.5, -0.5]);
});
