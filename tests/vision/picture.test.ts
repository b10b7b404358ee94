/** Pictures of every kind as pixels; those that claim or hold too much are refused before they grow. */
import { decode as pngDecode, encode as encodePng } from 'fast-png';
import { zlibSync } from 'fflate';
import { encode as encodeJpeg } from 'jpeg-js';
import { describe, expect, test } from 'vitest';
import { formulaPixels, formulaPng, pngChunk, rawPng } from '../support/pictures.ts';
import { seededRandom } from '../support/random.ts';
import { EngineError } from '../../engine/base/errors.ts';
import { decodePicture } from '../../engine/vision/decode-picture.ts';
import { cropCentre, resize } from '../../engine/vision/resize.ts';

function refusal(bytes: Uint8Array): string {
  try {
    decodePicture(bytes);
  } catch (error) {
    if (error instanceof EngineError && error.code === 'E_IMAGE_INVALID') return error.message;
    throw error;
  }
  return 'read';
}

function jpeg(width: number, height: number): Uint8Array {
  const rgb = formulaPixels(width, height, 1);
  const data = new Uint8Array(4 * width * height).fill(255);
  for (let i = 0; i < width * height; i++) data.set(rgb.subarray(3 * i, 3 * i + 3), 4 * i);
  return Uint8Array.from(encodeJpeg({ width, height, data }, 90).data);
}

describe('read', () => {
  test('PNG of three colours', () => {
    const { width, height, rgb } = decodePicture(formulaPng(13, 7, 2));
    expect([width, height]).toEqual([13, 7]);
    expect(rgb).toEqual(formulaPixels(13, 7, 2));
  });

  test('transparency shows white', () => {
    const data = Uint8Array.of(10, 20, 30, 255, 10, 20, 30, 0, 10, 20, 30, 51);
    const png = encodePng({ width: 3, height: 1, data, channels: 4, depth: 8 });
    expect([...decodePicture(png).rgb]).toEqual([10, 20, 30, 255, 255, 255, 206, 208, 210]);
  });

  test('16 bits, grey, grey of one bit, a palette', () => {
    const deep = encodePng({
      width: 1,
      height: 1,
      data: Uint16Array.of(0x1234, 0x5678, 0x9abc),
      channels: 3,
      depth: 16,
    });
    expect([...decodePicture(deep).rgb]).toEqual([0x12, 0x56, 0x9a]);
    const grey = encodePng({
      width: 2,
      height: 1,
      data: Uint8Array.of(7, 200),
      channels: 1,
      depth: 8,
    });
    expect([...decodePicture(grey).rgb]).toEqual([7, 7, 7, 200, 200, 200]);
    const bits = rawPng(3, 2, 1, 0, Uint8Array.of(0, 0b1010_0000, 0, 0b0100_0000));
    expect([...decodePicture(bits).rgb].filter((_, i) => i % 3 === 0)).toEqual([
      255, 0, 255, 0, 255, 0,
    ]);
    const palette = pngChunk('PLTE', Uint8Array.of(1, 2, 3, 4, 5, 6));
    const indexed = rawPng(2, 1, 8, 3, Uint8Array.of(0, 1, 0), palette);
    expect([...decodePicture(indexed).rgb]).toEqual([4, 5, 6, 1, 2, 3]);
  });

  test('JPEG, near what it was made of', () => {
    const { width, height, rgb } = decodePicture(jpeg(24, 16));
    expect([width, height]).toEqual([24, 16]);
    const off = formulaPixels(24, 16, 1).reduce(
      (sum, value, i) => sum + Math.abs(value - rgb[i]!),
      0,
    );
    expect(off / rgb.length).toBeLessThan(40);
  });
});

describe('refused', () => {
  const zeros = (n: number) => new Uint8Array(n);
  const bigJpeg = jpeg(8, 8);
  const frame = bigJpeg.findIndex((byte, i) => byte === 0xff && bigJpeg[i + 1] === 0xc0);
  const sized = (height: number, width: number) =>
    Uint8Array.from(bigJpeg).map((byte, i) => {
      const sizes = [height >> 8, height & 255, width >> 8, width & 255];
      return sizes[i - frame - 5] ?? byte;
    });

  test.each([
    ['no picture', new TextEncoder().encode('hello'), 'PNG or JPEG'],
    ['nothing', zeros(0), 'PNG or JPEG'],
    ['a PNG of a billion pixels', rawPng(40_000, 25_000, 8, 2, zeros(10)), '40000 x 25000'],
    ['a PNG of one long row', rawPng(2 ** 30, 1, 8, 2, zeros(10)), 'a side'],
    ['a PNG of no pixels', rawPng(0, 5, 8, 2, zeros(10)), '0 x 5'],
    ['a PNG that inflates to more', rawPng(10, 10, 8, 2, zeros(20_000_000)), 'inflates to more'],
    ['a PNG of fewer pixels than it says', rawPng(10, 10, 8, 2, zeros(10)), 'damaged'],
    ['a PNG of no colour type', rawPng(10, 10, 8, 9, zeros(400)), ''],
    ['a JPEG of 4 gigapixels', sized(65_535, 65_535), '65535 x 65535'],
    ['a JPEG of no height', sized(0, 8), '8 x 0'],
    ['a JPEG without a frame', Uint8Array.of(0xff, 0xd8, 0xff, 0xd9), 'no frame'],
    [
      'a JPEG of thousands of scans',
      Uint8Array.from([
        ...bigJpeg.subarray(0, -2),
        ...Array<number[]>(100).fill([0xff, 0xda, 0, 2]).flat(),
      ]),
      'scans',
    ],
  ])('%s', (_title, bytes, message) => {
    const told = refusal(bytes);
    expect(told).not.toBe('read');
    expect(told).toContain(message);
  });

  test('what a profile inflates to is nobody’s business', () => {
    const bomb = pngChunk(
      'iCCP',
      Uint8Array.from([...new TextEncoder().encode('x\0\0'), ...zlibSync(zeros(50_000_000))]),
    );
    const png = rawPng(1, 1, 8, 2, Uint8Array.of(0, 1, 2, 3), bomb);
    expect([...decodePicture(png).rgb]).toEqual([1, 2, 3]);
  });

  test('cut off and changed anywhere: a refusal or a picture', () => {
    const random = seededRandom(3);
    for (const whole of [formulaPng(9, 9, 1), jpeg(9, 9)]) {
      for (let length = 0; length < whole.length; length += 7) refusal(whole.subarray(0, length));
      for (let i = 0; i < 300; i++) {
        const changed = Uint8Array.from(whole);
        for (let n = 0; n < 3; n++)
          changed[Math.floor(random() * whole.length)] = Math.floor(random() * 256);
        refusal(changed);
      }
    }
  });
});

describe('resized', () => {
  test('the same size is the same picture', () => {
    const picture = { width: 6, height: 5, rgb: formulaPixels(6, 5, 3) };
    expect(resize(picture, 6, 5)).toEqual(picture);
  });

  test('half: by hand', () => {
    // Triangle of width 2 over [0, 100, 200, 255]: weights 3/8, 3/8, 1/8 at the edge, made to sum to 1.
    const rgb = Uint8Array.from([0, 100, 200, 255].flatMap((value) => [value, value, value]));
    const half = resize({ width: 4, height: 1, rgb }, 2, 1);
    const left = (0 * 0.75 + 100 * 0.75 + 200 * 0.25) / 1.75;
    const right = (100 * 0.25 + 200 * 0.75 + 255 * 0.75) / 1.75;
    expect([half.rgb[0], half.rgb[3]]).toEqual([Math.round(left), Math.round(right)]);
  });

  test('the middle', () => {
    const picture = { width: 4, height: 3, rgb: formulaPixels(4, 3, 1) };
    const whole = formulaPixels(4, 3, 1);
    expect([...cropCentre(picture, 1).rgb]).toEqual([...whole.subarray(3 * 5, 3 * 6)]);
  });
});

test('the encoder of these tests writes what others read', () => {
  expect(pngDecode(formulaPng(3, 3, 1)).data).toEqual(formulaPixels(3, 3, 1));
});
