/** From a frame's coefficients to samples (ISO/IEC 14496-3, 4.6.11): inverse transform, window, overlap. */
import { Fft } from '../fft.ts';
import { FRAME_SAMPLES } from './channel.ts';
import type { ChannelStream, Sequence } from './channel.ts';

const SHORT = 128;
const N_SHORT = 8;
/** Where the first short window begins in a frame of 2048. */
const SHORT_AT = (FRAME_SAMPLES - SHORT) / 2;
/** Coefficients are in units of 16-bit samples. */
const FULL_SCALE = 32_768;

/** The cosine transform of type IV by a complex transform of half its length. */
export class CosineTransform {
  readonly #n: number;
  readonly #fft: Fft;
  /** cos and sin of pi (8 i + 1) / 8 n. */
  readonly #twiddles: Float64Array;

  constructor(n: number) {
    this.#n = n;
    this.#fft = new Fft(n / 2);
    this.#twiddles = Float64Array.from({ length: n }, (_, at) => {
      const angle = (Math.PI * (8 * (at >> 1) + 1)) / (8 * n);
      return (at & 1) === 0 ? Math.cos(angle) : Math.sin(angle);
    });
  }

  /** y[n] = sum of x[k] cos(pi / n (n + 1/2)(k + 1/2)). */
  run(x: Float64Array, y: Float64Array): void {
    const [n, fft, w] = [this.#n, this.#fft, this.#twiddles];
    const [inRe, inIm] = [fft.re, fft.im];
    for (let i = 0; i < n / 2; i++) {
      const [a, b, c, s] = [x[2 * i]!, x[n - 1 - 2 * i]!, w[2 * i]!, w[2 * i + 1]!];
      inRe[i] = a * c + b * s;
      inIm[i] = b * c - a * s;
    }
    fft.run();
    const [re, im] = [fft.re, fft.im];
    for (let i = 0; i < n / 2; i++) {
      const [a, b, c, s] = [re[i]!, im[i]!, w[2 * i]!, w[2 * i + 1]!];
      y[2 * i] = a * c + b * s;
      y[n - 1 - 2 * i] = a * s - b * c;
    }
  }
}

const transforms = { long: new CosineTransform(FRAME_SAMPLES), short: new CosineTransform(SHORT) };
/** Rising halves of windows, by `window_shape`. */
const RISES = {
  long: [sineRise(FRAME_SAMPLES), kaiserRise(FRAME_SAMPLES, 4)],
  short: [sineRise(SHORT), kaiserRise(SHORT, 6)],
} as const;

/** One channel's state from frame to frame. */
export class Synthesis {
  readonly #overlap = new Float64Array(FRAME_SAMPLES);
  readonly #frame = new Float64Array(2 * FRAME_SAMPLES);
  readonly #cosines = new Float64Array(FRAME_SAMPLES);
  #shape = 0;

  /** The next 1024 samples, nominally within [-1, 1]. */
  run({ info, spectrum }: ChannelStream): Float32Array {
    const frame = this.#frame.fill(0);
    if (info.sequence === 'short') this.#addShort(spectrum, info.shape);
    else this.#addLong(spectrum, info.sequence, info.shape);
    this.#shape = info.shape;
    const out = new Float32Array(FRAME_SAMPLES);
    for (let i = 0; i < FRAME_SAMPLES; i++) {
      out[i] = (this.#overlap[i]! + frame[i]!) / FULL_SCALE;
      this.#overlap[i] = frame[FRAME_SAMPLES + i]!;
    }
    return out;
  }

  #addLong(spectrum: Float64Array, sequence: Sequence, shape: number): void {
    const rise = sequence === 'stop' ? shortRise(this.#shape) : RISES.long[this.#shape]!;
    const fall = sequence === 'start' ? shortRise(shape) : RISES.long[shape]!;
    transforms.long.run(spectrum, this.#cosines);
    addWindowed(this.#frame, 0, this.#cosines, FRAME_SAMPLES, rise, fall);
  }

  #addShort(spectrum: Float64Array, shape: number): void {
    for (let window = 0; window < N_SHORT; window++) {
      const from = window * SHORT;
      transforms.short.run(spectrum.subarray(from, from + SHORT), this.#cosines);
      const rise = RISES.short[window === 0 ? this.#shape : shape]!;
      addWindowed(this.#frame, SHORT_AT + from, this.#cosines, SHORT, rise, RISES.short[shape]!);
    }
  }
}

/** Adds the 2n samples that n cosines stand for, the second half mirrored, under a window. */
function addWindowed(
  out: Float64Array,
  at: number,
  cosines: Float64Array,
  n: number,
  rise: Float64Array,
  fall: Float64Array,
): void {
  const half = n / 2;
  const scale = 1 / n;
  for (let i = 0; i < half; i++) {
    const [upper, lower] = [cosines[half + i]! * scale, cosines[i]! * scale];
    out[at + i]! += upper * rise[i]!;
    out[at + n - 1 - i]! -= upper * rise[n - 1 - i]!;
    // The falling half is the rise of the next frame, backwards.
    out[at + n + half - 1 - i]! -= lower * fall[half + i]!;
    out[at + n + half + i]! -= lower * fall[half - 1 - i]!;
  }
}

/** A rise of the short window's length in the middle of a long one. */
function shortRise(shape: number): Float64Array {
  return SHORT_RISES[shape]!;
}
const SHORT_RISES = RISES.short.map((rise) => {
  const out = new Float64Array(FRAME_SAMPLES).fill(1, SHORT_AT + SHORT);
  out.set(rise, SHORT_AT);
  return out;
});

function sineRise(n: number): Float64Array {
  return Float64Array.from({ length: n }, (_, i) => Math.sin((Math.PI / (2 * n)) * (i + 0.5)));
}

/** Section 4.6.11.3.2: the root of the running sum of a Kaiser window. */
function kaiserRise(n: number, alpha: number): Float64Array {
  const kernel = Float64Array.from({ length: n + 1 }, (_, i) =>
    bessel(Math.PI * alpha * Math.sqrt(1 - ((2 * i) / n - 1) ** 2)),
  );
  const total = kernel.reduce((sum, x) => sum + x, 0);
  let sum = 0;
  return Float64Array.from({ length: n }, (_, i) => Math.sqrt((sum += kernel[i]!) / total));
}

/** The modified Bessel function of the first kind, order 0. */
function bessel(x: number): number {
  let [sum, term] = [1, 1];
  for (let k = 1; term > sum * 1e-17; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
