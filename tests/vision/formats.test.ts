/** Files of every kind against Pillow's pixels (tests/golden/make-pictures.py), whole and made smaller. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { fromBase64 } from '../../engine/base/base64.ts';
import { EngineError } from '../../engine/base/errors.ts';
import { decodePicture, decodePictureSteps } from '../../engine/vision/decode-picture.ts';
import type { Picture } from '../../engine/vision/picture.ts';
import { RowScaler } from '../../engine/vision/row-scaler.ts';
import { formulaPixels } from '../support/pictures.ts';
import { seededRandom } from '../support/random.ts';

const FOLDER = 'tests/vision/fixtures';

interface Golden {
  readonly width: number;
  readonly height: number;
  readonly rgb: string;
}

const golden = JSON.parse(readFileSync(join(FOLDER, 'pictures.json'), 'utf8')) as Record<
  string,
  Golden
>;
const bytesOf = (name: string) => new Uint8Array(readFileSync(join(FOLDER, name)));

function expected(name: string): Picture {
  const { width, height, rgb } = golden[name]!;
  return { width, height, rgb: fromBase64(rgb)! };
}

/** Differences of samples: their mean, and the largest. */
function difference(a: Picture, b: Picture): { mean: number; most: number } {
  expect([a.width, a.height]).toEqual([b.width, b.height]);
  const all = Array.from(a.rgb, (value, i) => Math.abs(value - b.rgb[i]!));
  return {
    mean: all.reduce((sum, value) => sum + value, 0) / all.length,
    most: Math.max(...all),
  };
}

/** Means of areas, plainly. */
function areaMeans({ width, height, rgb }: Picture, toWidth: number, toHeight: number): Picture {
  const overlap = (i: number, j: number, scale: number) =>
    Math.max(0, Math.min((i + 1) * scale, j + 1) - Math.max(i * scale, j));
  const [sx, sy] = [width / toWidth, height / toHeight];
  const out = new Uint8Array(3 * toWidth * toHeight);
  for (let y = 0; y < toHeight; y++)
    for (let x = 0; x < toWidth; x++)
      for (let c = 0; c < 3; c++) {
        let sum = 0;
        for (let v = 0; v < height; v++)
          for (let u = 0; u < width; u++)
            sum += overlap(x, u, sx) * overlap(y, v, sy) * rgb[3 * (v * width + u) + c]!;
        out[3 * (y * toWidth + x) + c] = Math.round(sum / (sx * sy));
      }
  return { width: toWidth, height: toHeight, rgb: out };
}

/** Where a decoder may differ: rounding of the transform, and how coarse colours are spread. */
const NEAR: Readonly<Record<string, { mean: number; most: number }>> = {
  jpg: { mean: 1, most: 5 },
  'across.jpg': { mean: 4, most: 120 },
  'both.jpg': { mean: 5, most: 140 },
  'coarse.jpg': { mean: 5, most: 140 },
  'progressive-both.jpg': { mean: 5, most: 140 },
  png: { mean: 0.5, most: 1 },
  gif: { mean: 0, most: 0 },
};

const names = Object.keys(golden).filter((name) => /\.(?:jpg|png|gif)$/.test(name));

describe('as Pillow reads it', () => {
  test.each(names)('%s', (name) => {
    const { mean, most } = NEAR[name] ?? NEAR[name.split('.')[1]!]!;
    const off = difference(decodePicture(bytesOf(name)), expected(name));
    expect(off.mean, 'mean').toBeLessThanOrEqual(mean);
    expect(off.most, 'most').toBeLessThanOrEqual(most);
  });

  test.each(names)('%s, made smaller on its way', (name) => {
    const whole = expected(name);
    for (const maxSide of [24, 11, 5]) {
      const small = decodePicture(bytesOf(name), { maxSide });
      expect(Math.max(small.width, small.height)).toBeLessThanOrEqual(maxSide);
      expect(Math.max(small.width, small.height)).toBeGreaterThanOrEqual(
        Math.floor(maxSide * 0.85),
      );
      const off = difference(small, areaMeans(whole, small.width, small.height));
      // Colours of a quarter of the samples differ more.
      const most = /\.(?:png|gif)$/.test(name) ? 1 : name in NEAR ? 12 : 7;
      expect(off.mean, `${maxSide}`).toBeLessThan(most);
    }
  });

  test('the size of the file is reported turned', () => {
    const steps = decodePictureSteps(bytesOf('turned-6.jpg'), { maxSide: 10 });
    let step = steps.next();
    while (step.done !== true) step = steps.next();
    expect(step.value).toMatchObject({ format: 'JPEG', size: { width: 29, height: 45 } });
    expect(step.value.picture).toMatchObject({ width: 6, height: 10 });
  });
});

test('areas are means of what they cover', () => {
  const rgb = formulaPixels(13, 9, 2);
  for (const [width, height] of [
    [13, 9],
    [5, 4],
    [12, 8],
    [1, 1],
  ] as const) {
    const scaler = new RowScaler({ width: 13, height: 9 }, { width, height });
    for (let y = 0; y < 9; y++) scaler.push(rgb.subarray(39 * y, 39 * y + 39));
    const off = difference(
      scaler.finish(),
      areaMeans({ width: 13, height: 9, rgb }, width, height),
    );
    expect(off.most).toBeLessThanOrEqual(1);
  }
});

describe('bad files', () => {
  function refusal(bytes: Uint8Array): string {
    try {
      decodePicture(bytes, { maxSide: 16 });
    } catch (error) {
      if (error instanceof EngineError && error.code === 'E_IMAGE_INVALID') return error.message;
      throw error;
    }
    return 'read';
  }

  test.each(names)('%s cut off and changed anywhere is refused or read', (name) => {
    const whole = bytesOf(name);
    const random = seededRandom(7);
    for (let length = 0; length < whole.length; length += 13) refusal(whole.subarray(0, length));
    for (let i = 0; i < 60; i++) {
      const changed = Uint8Array.from(whole);
      for (let n = 0; n < 3; n++)
        changed[Math.floor(random() * whole.length)] = Math.floor(random() * 256);
      refusal(changed);
    }
  });

  const frameAt = (bytes: Uint8Array) =>
    bytes.findIndex((byte, i) => byte === 0xff && [0xc0, 0xc2].includes(bytes[i + 1]!));

  test('a JPEG of 100 megapixels, and one of another kind', () => {
    const large = bytesOf('full.jpg');
    large.set([0x27, 0x10, 0x27, 0x10], frameAt(large) + 5);
    expect(refusal(large)).toContain('10000 x 10000 pixels; expected at most');
    const arithmetic = bytesOf('full.jpg');
    arithmetic[frameAt(arithmetic) + 1] = 0xc9;
    expect(refusal(arithmetic)).toContain('arithmetic-coded');
    const deep = bytesOf('full.jpg');
    deep[frameAt(deep) + 4] = 12;
    expect(refusal(deep)).toContain('12 bits a sample');
  });

  test('a JPEG that claims 24 megapixels and has a kilobyte ends early', () => {
    for (const name of ['both.jpg', 'progressive-both.jpg']) {
      const bomb = bytesOf(name);
      bomb.set([0x0f, 0xa0, 0x17, 0x70], frameAt(bomb) + 5);
      expect(refusal(bomb)).toContain('damaged');
    }
  });

  test('a picture of no bytes, and a file before a picture', () => {
    expect(refusal(new Uint8Array(0))).toContain('not a supported image');
    const pdf = new TextEncoder().encode('%PDF-1.7\n');
    expect(refusal(Uint8Array.from([...pdf, ...bytesOf('rgb.png')]))).toContain('not a supported');
  });
});
