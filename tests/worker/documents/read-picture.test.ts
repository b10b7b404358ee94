/** WebP files by libwebp with a bound on its steps, against Pillow's pixels; what is wrong with others. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, describe, expect, test } from 'vitest';
import { fromBase64 } from '../../../engine/base/base64.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { distDir } from '../../../scripts/lib/paths.ts';
import { compileWasm } from '../../../scripts/node-host/compile-wasm.ts';
import { readPicture } from '../../../worker/documents/read-picture.ts';
import { seededRandom } from '../../support/random.ts';

const FOLDER = 'tests/vision/fixtures';
const golden = JSON.parse(readFileSync(join(FOLDER, 'pictures.json'), 'utf8')) as Record<
  string,
  { width: number; height: number; rgb: string }
>;
const bytesOf = (name: string) => new Uint8Array(readFileSync(join(FOLDER, name)));
const names = Object.keys(golden).filter((name) => name.endsWith('.webp'));

let webp: WebAssembly.Module;
beforeAll(async () => {
  webp = await compileWasm(join(distDir, 'fuel', 'webp.wasm'));
});

async function refusal(bytes: Uint8Array): Promise<string> {
  try {
    await readPicture(bytes, webp, 64);
  } catch (error) {
    if (error instanceof EngineError && error.code === 'E_IMAGE_INVALID') return error.message;
    throw error;
  }
  return 'read';
}

describe('webp', () => {
  test.each(names)('%s as Pillow reads it', async (name) => {
    const { picture, format, size } = await readPicture(bytesOf(name), webp, 64);
    const { width, height, rgb } = golden[name]!;
    expect([format, size]).toEqual(['WEBP', { width, height }]);
    const off = Array.from(fromBase64(rgb)!, (value, i) => Math.abs(value - picture.rgb[i]!));
    expect(Math.max(...off)).toBeLessThanOrEqual(name === 'lossy.webp' ? 0 : 1);
  });

  test('made smaller', async () => {
    const { picture, size } = await readPicture(bytesOf('lossless.webp'), webp, 9);
    expect(picture).toMatchObject({ width: 9, height: 6 });
    expect(size).toEqual({ width: 45, height: 29 });
  });

  test('cut off and changed anywhere: a refusal or a picture', async () => {
    const random = seededRandom(5);
    for (const name of names) {
      const whole = bytesOf(name);
      for (let length = 0; length < whole.length; length += 29)
        await refusal(whole.subarray(0, length));
      for (let i = 0; i < 40; i++) {
        const changed = Uint8Array.from(whole);
        for (let n = 0; n < 3; n++)
          changed[12 + Math.floor(random() * (whole.length - 12))] = Math.floor(random() * 256);
        await refusal(changed);
      }
    }
  });

  test('a size that is too large, and files that hold nothing', async () => {
    const large = bytesOf('lossless.webp');
    large.set([0x2f, 0xff, 0xff, 0xff, 0x0f], 20);
    expect(await refusal(large)).toContain('16384 x 16384 pixels');
    expect(await refusal(bytesOf('lossy.webp').subarray(0, 12))).toContain('no frame');
    expect(await refusal(bytesOf('lossy.webp').subarray(0, 40))).toContain('cut off');
  });
});

test('other formats go to the decoders of the engine', async () => {
  const { format, size } = await readPicture(bytesOf('animated.gif'), webp, 64);
  expect([format, size]).toEqual(['GIF', { width: 45, height: 29 }]);
});
