/** Pictures as smaller files: as large as there is room for, and what they show. */
import { expect, test } from 'vitest';
import { atOnce } from '../../../engine/base/turns.ts';
import { decodePictureSteps } from '../../../engine/vision/decode-picture.ts';
import { shrinkPicture } from '../../../worker/documents/shrink-picture.ts';
import { formulaPixels } from '../../support/pictures.ts';

const [width, height] = [600, 300];
const picture = { width, height, rgb: formulaPixels(width, height, 3) };
const read = (jpeg: Uint8Array) => atOnce(decodePictureSteps(jpeg, { maxSide: 2048 }));

test('with room enough a picture keeps its pixels, nearly as they were', async () => {
  const { format, size, picture: kept } = read(await shrinkPicture(picture, 1_000_000));
  expect([format, size]).toEqual(['JPEG', { width, height }]);
  // The waves of the formula are finer than what JPEG keeps of colours.
  const sum = kept.rgb.reduce((a, value, i) => a + Math.abs(value - picture.rgb[i]!), 0);
  expect(sum / kept.rgb.length).toBeLessThan(25);
});

test('with less room it has fewer pixels, with the same proportions', async () => {
  const whole = await shrinkPicture(picture, Infinity);
  const jpeg = await shrinkPicture(picture, whole.length - 1);
  expect(jpeg.length).toBeLessThan(whole.length);
  expect(read(jpeg).size).toEqual({ width: 512, height: 256 });
});

test('where no size fits it is the smallest', async () => {
  expect(read(await shrinkPicture(picture, 1)).size).toEqual({ width: 256, height: 128 });
});
