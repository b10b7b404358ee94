/** The resampler: how much of what may not be there gets through, and that pieces make no difference. */
import { describe, expect, test } from 'vitest';
import { joinFloats } from '../../engine/base/joined.ts';
import { mixDown } from '../../engine/audio/mono.ts';
import { Resampler } from '../../engine/audio/resampler.ts';
import { signalToNoise, sine } from '../support/sound.ts';

function resample(samples: Float32Array, from: number, to: number, piece = samples.length) {
  const resampler = new Resampler(from, to);
  const parts: Float32Array[] = [];
  for (let at = 0; at < samples.length; at += piece)
    parts.push(resampler.push(samples.subarray(at, at + piece)));
  return joinFloats([...parts, resampler.flush()]);
}

/** Without the first and last tenth, where silence begins. */
const middle = (x: Float32Array) =>
  x.subarray(Math.floor(x.length / 10), Math.floor((9 * x.length) / 10));
const decibels = (x: Float32Array) =>
  10 * Math.log10(x.reduce((sum, value) => sum + value * value, 0) / x.length);

const RATES = [8000, 11_025, 22_050, 32_000, 44_100, 48_000, 96_000, 12_345] as const;

describe.each(RATES)('from %i Hz', (from) => {
  const seconds = 0.5;
  const nyquist = Math.min(from, 16_000) / 2;

  test('tones up to 0.8 of the half rate pass as they are', () => {
    for (const part of [0.01, 0.2, 0.5, 0.7, 0.8]) {
      const tone = sine(nyquist * part, from, seconds);
      const got = resample(tone, from, 16_000);
      expect(got.length).toBe(Math.round((tone.length * 16_000) / from));
      const want = sine(nyquist * part, 16_000, seconds);
      expect(signalToNoise(middle(want), middle(got))).toBeGreaterThan(70);
    }
  });

  test('tones above the half rate are gone, 90 dB down', () => {
    for (const part of [1.02, 1.3, 2, 2.4].filter((p) => p * nyquist < from / 2)) {
      const tone = sine(nyquist * part, from, seconds, 1);
      const got = resample(tone, from, 16_000);
      expect(decibels(middle(got)) - decibels(tone)).toBeLessThan(-90);
    }
  });

  test('pieces of any size give the same samples', () => {
    const tone = sine(700, from, 0.2);
    const whole = resample(tone, from, 16_000);
    for (const piece of [1, 7, 160, 1001])
      expect(resample(tone, from, 16_000, piece)).toEqual(whole);
  });
});

test('nothing in, nothing out', () => {
  const resampler = new Resampler(44_100, 16_000);
  expect(resampler.push(new Float32Array(0)).length).toBe(0);
  expect(resampler.flush().length).toBe(0);
});

test('channels are mixed to their mean', () => {
  const [a, b] = [Float32Array.of(1, 0.5), Float32Array.of(0, 0.5)];
  expect([...mixDown([a, b])]).toEqual([0.5, 0.5]);
  expect(mixDown([a])).toBe(a);
});
