/** The mean power of a sound in bands, to compare sounds of not quite the same length. */
import { Fft } from '../../engine/audio/fft.ts';

const WINDOW = 1024;
const HOP = 512;
/** Of 8 bins each, up to half the rate. */
const BANDS = 64;

/** [64], mean over windows of 1,024 samples. */
export function powerSpectrum(samples: Float32Array): number[] {
  const fft = new Fft(WINDOW);
  const bands = new Array<number>(BANDS).fill(1e-9);
  let n = 0;
  for (let at = 0; at + WINDOW <= samples.length; at += HOP, n++) {
    for (let i = 0; i < WINDOW; i++) {
      fft.re[i] = samples[at + i]! * (0.5 - 0.5 * Math.cos((2 * Math.PI * i) / WINDOW));
      fft.im[i] = 0;
    }
    fft.run();
    for (let bin = 0; bin < WINDOW / 2; bin++)
      bands[bin >> 3]! += fft.re[bin]! ** 2 + fft.im[bin]! ** 2;
  }
  return bands.map((power) => power / n);
}
