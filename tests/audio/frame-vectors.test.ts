/** Sound as vectors: log-mel frames, stacked, without what is the same over all of a sound. */
import { expect, test } from 'vitest';
import { frameValues, FrameVectors, mostSamples } from '../../engine/audio/frame-vectors.ts';
import { LogMel } from '../../engine/audio/log-mel.ts';
import { SeededRandom } from '../../scripts/lib/seeded-random.ts';

const STACK = { bands: 20, stack: 3, most: 10 };
const random = new SeededRandom(2);
const noise = (n: number): Float32Array =>
  Float32Array.from({ length: n }, (_, i) => Math.sin(i / 9) * 0.3 + (random.next() - 0.5) * 0.1);

test('frames are those of Whisper to 50 dB below the loudest, less the mean of each band, a quarter as large', () => {
  const samples = noise(2400).map((value, i) => (i < 1200 ? value : value / 1e4));
  const found = new FrameVectors(STACK).of(samples);
  expect(found).toHaveLength(5 * frameValues(STACK));
  const frames = new Float32Array(15 * STACK.bands);
  new LogMel(STACK.bands).fill(samples, 15, frames);
  const least = Math.max(...frames) - 5 / 4;
  expect(frames.some((value) => value < least)).toBe(true);
  for (let band = 0; band < STACK.bands; band++) {
    const column = Array.from({ length: 15 }, (_, i) =>
      Math.max(least, frames[i * STACK.bands + band]!),
    );
    const mean = column.reduce((a, b) => a + b, 0) / 15;
    for (const [i, value] of column.entries())
      expect(found[i * STACK.bands + band]).toBeCloseTo((value - mean) / 4, 5);
  }
});

test('the last vector ends in nothing where the sound has ended', () => {
  const found = new FrameVectors(STACK).of(noise(2400 + 320));
  expect(found).toHaveLength(6 * frameValues(STACK));
  expect([...found.subarray(17 * STACK.bands)].every((value) => value === 0)).toBe(true);
  expect([...found.subarray(16 * STACK.bands, 17 * STACK.bands)].some((value) => value !== 0)).toBe(
    true,
  );
});

test('louder recordings of the same sound give the same vectors', () => {
  const samples = noise(2400);
  const quiet = new FrameVectors(STACK).of(samples.map((value) => value / 8));
  const loud = new FrameVectors(STACK).of(samples);
  for (const [i, value] of loud.entries()) expect(quiet[i]).toBeCloseTo(value, 4);
});

test('nothing, and more than fits, are refused with seconds', () => {
  const vectors = new FrameVectors(STACK);
  expect(mostSamples(STACK)).toBe(4800);
  expect(() => vectors.of(new Float32Array())).toThrow(/0\.00 s; expected .* 0\.30 s/);
  expect(() => vectors.of(noise(4801))).toThrow(/expected .* at most 0\.30 s/);
  expect(vectors.of(noise(4800))).toHaveLength(10 * frameValues(STACK));
});
