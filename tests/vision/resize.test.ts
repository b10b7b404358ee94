/** Pictures resized as Pillow resizes them (tests/golden/make-efficientnet.py). */
import { expect, test } from 'vitest';
import { resize } from '../../engine/vision/resize.ts';
import { goldenPicture, goldenScores, SIDE } from '../support/vision.ts';

const whole = { width: SIDE, height: SIDE, rgb: goldenPicture() };

test('the cubic filter, smaller and larger: nearly every value the same, none far off', () => {
  const [small, large] = goldenScores.cubic;
  const tiny = resize(whole, 5, 4, 'cubic');
  for (const [made, want] of [
    [resize(whole, 20, 15, 'cubic'), small],
    [resize(tiny, 13, 9, 'cubic'), large],
  ] as const) {
    expect(made.rgb.length).toBe(want.length);
    const errors = want.map((value, i) => Math.abs(value - made.rgb[i]!));
    expect(Math.max(...errors)).toBeLessThanOrEqual(2);
    expect(errors.reduce((sum, error) => sum + error, 0) / errors.length).toBeLessThan(0.3);
  }
});

test('a picture of the same sides stays as it is', () => {
  expect(resize(whole, SIDE, SIDE, 'cubic').rgb).toEqual(whole.rgb);
  expect(resize(whole, SIDE, SIDE).rgb).toEqual(whole.rgb);
});
