/** Log-mel features against transformers' WhisperFeatureExtractor (tests/golden/make-log-mel.py). */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Fft } from '../../engine/audio/fft.ts';
import { LogMel, MAX_FRAMES, MAX_SAMPLES } from '../../engine/audio/log-mel.ts';
import { melFilters } from '../../engine/audio/mel-filters.ts';
import { findRecording } from '../support/needs.ts';
import { chirp, noise, RATE, readWav } from '../support/recordings.ts';

interface Golden {
  readonly nSample: number;
  readonly nMels: number;
  readonly step: number;
  readonly mean: number;
  readonly deviation: number;
  readonly bandMeans: readonly number[];
  readonly frames: Readonly<Record<string, readonly number[]>>;
}

const golden = JSON.parse(
  await readFile(join(import.meta.dirname, '../golden/log-mel.json'), 'utf8'),
) as { readonly signals: Readonly<Record<string, Golden>> };
/** float32 sums in another order; both sides round to 5 digits in the file. */
const MOST_APART = 1e-4;

const jfk = findRecording();
const jfkSamples = jfk === null ? new Float32Array() : await readWav(jfk);
const SIGNALS: Readonly<Record<string, Float32Array>> = {
  speech: jfkSamples,
  speech128: jfkSamples,
  noise: noise(MAX_SAMPLES),
  chirp: chirp(MAX_SAMPLES),
  tenMilliseconds: chirp(160),
  silence: new Float32Array(RATE),
};

function features(samples: Float32Array, nMels: number, nFrame = MAX_FRAMES): Float32Array {
  const out = new Float32Array(nFrame * nMels);
  new LogMel(nMels).fill(samples, nFrame, out);
  return out;
}

describe('log-mel features', () => {
  it.for(Object.keys(golden.signals))('equal the reference: %s', (name, { skip }) => {
    skip(jfk === null && name.startsWith('speech'), 'the recording is missing');
    const want = golden.signals[name]!;
    const samples = SIGNALS[name]!;
    expect(samples.length).toBe(want.nSample);
    const { nMels } = want;
    const mel = features(samples, nMels);
    for (const [frame, values] of Object.entries(want.frames)) {
      values.forEach((value, i) => {
        const got = mel[Number(frame) * nMels + i * want.step]!;
        expect(Math.abs(got - value), `frame ${frame}, band ${i * want.step}`).toBeLessThan(
          MOST_APART,
        );
      });
    }
    const mean = mel.reduce((sum, x) => sum + x, 0) / mel.length;
    expect(Math.abs(mean - want.mean)).toBeLessThan(1e-5);
    const squares = mel.reduce((sum, x) => sum + (x - mean) ** 2, 0);
    expect(Math.abs(Math.sqrt(squares / mel.length) - want.deviation)).toBeLessThan(1e-5);
    want.bandMeans.forEach((value, band) => {
      let sum = 0;
      for (let f = 0; f < MAX_FRAMES; f++) sum += mel[f * nMels + band]!;
      expect(Math.abs(sum / MAX_FRAMES - value), `band ${band}`).toBeLessThan(2e-5);
    });
  });

  it('are those of the whole window where fewer frames are wanted', () => {
    const samples = chirp(3 * RATE + 77);
    const whole = features(samples, 80);
    const part = features(samples, 80, 402);
    expect(part).toEqual(whole.subarray(0, part.length));
  });

  it('refuse more than a window of samples by name', () => {
    const samples = new Float32Array(MAX_SAMPLES + 1);
    expect(() => features(samples, 80)).toThrow(/samples: 480001 of them; expected at most 480000/);
  });
});

describe('Fft', () => {
  it.each([1, 2, 3, 4, 5, 6, 12, 25, 60, 400])('of length %i is the sum it stands for', (n) => {
    const [re, im] = [noise(n, 7), noise(n, 8)];
    const fft = new Fft(n);
    fft.re.set(re);
    fft.im.set(im);
    fft.run();
    for (let k = 0; k < n; k++) {
      let [sumRe, sumIm] = [0, 0];
      for (let t = 0; t < n; t++) {
        const angle = (-2 * Math.PI * ((k * t) % n)) / n;
        sumRe += re[t]! * Math.cos(angle) - im[t]! * Math.sin(angle);
        sumIm += re[t]! * Math.sin(angle) + im[t]! * Math.cos(angle);
      }
      expect(Math.hypot(fft.re[k]! - sumRe, fft.im[k]! - sumIm)).toBeLessThan(1e-11 * n);
    }
  });

  it('refuses lengths with other factors', () => {
    expect(() => new Fft(14)).toThrow(/length 14; expected factors 2, 3 and 5/);
  });
});

describe('mel filters', () => {
  it('have the values of transformers.audio_utils.mel_filter_bank', () => {
    const filters = melFilters(80, 201, 16_000);
    const at = (band: number, bin: number) => {
      const { first, weights } = filters[band]!;
      return weights[bin - first] ?? 0;
    };
    expect(at(0, 1)).toBeCloseTo(0.024862593984176087, 12);
    expect(at(0, 2)).toBe(0);
    expect(at(1, 2)).toBeCloseTo(0.022871772096078023, 12);
    expect(at(79, 199)).toBeCloseTo(0.00044875902758905584, 12);
  });
});
