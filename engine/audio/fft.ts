/**
 * The discrete Fourier transform of complex vectors of one length, made of factors 4, 5, 2 and 3
 * (mixed-radix Stockham: Cochran et al. 1967; no bit reversal). Plain float64: nothing here knows
 * what the numbers are.
 */
import { EngineError } from '../base/errors.ts';

interface Pass {
  readonly radix: Radix;
  /** Vectors of this pass: `n` values, each `s` times side by side. */
  readonly n: number;
  readonly s: number;
  /** cos and sin of -2 pi p k / n, [n / radix][radix - 1] pairs. */
  readonly twiddles: Float64Array;
}

type Radix = 2 | 3 | 4 | 5;
const RADICES: readonly Radix[] = [4, 5, 2, 3];

export class Fft {
  readonly n: number;
  readonly #passes: readonly Pass[];
  #re: Float64Array;
  #im: Float64Array;
  #otherRe: Float64Array;
  #otherIm: Float64Array;

  /** @throws {EngineError} E_INTERNAL for lengths with other prime factors than 2, 3 and 5. */
  constructor(n: number) {
    this.n = n;
    this.#passes = passesOf(n);
    [this.#re, this.#im] = [new Float64Array(n), new Float64Array(n)];
    [this.#otherRe, this.#otherIm] = [new Float64Array(n), new Float64Array(n)];
  }

  /** Real parts of the input, and after `run` of the result; a view, valid until the next `run`. */
  get re(): Float64Array {
    return this.#re;
  }
  get im(): Float64Array {
    return this.#im;
  }

  /** X[k] = sum of x[t] e^(-2 pi i t k / n), in place of x. */
  run(): void {
    for (const pass of this.#passes) {
      PASSES[pass.radix](pass, this.#re, this.#im, this.#otherRe, this.#otherIm);
      [this.#re, this.#otherRe] = [this.#otherRe, this.#re];
      [this.#im, this.#otherIm] = [this.#otherIm, this.#im];
    }
  }
}

function passesOf(length: number): Pass[] {
  const passes: Pass[] = [];
  for (let n = length, s = 1; n > 1;) {
    const radix = RADICES.find((factor) => n % factor === 0);
    if (radix === undefined)
      throw new EngineError('E_INTERNAL', `fft: length ${length}; expected factors 2, 3 and 5`);
    passes.push({ radix, n, s, twiddles: twiddlesOf(n, radix) });
    n /= radix;
    s *= radix;
  }
  return passes;
}

function twiddlesOf(n: number, radix: Radix): Float64Array {
  const table = new Float64Array((n / radix) * (radix - 1) * 2);
  let at = 0;
  for (let p = 0; p < n / radix; p++) {
    for (let k = 1; k < radix; k++) {
      const angle = (-2 * Math.PI * ((p * k) % n)) / n;
      table[at++] = Math.cos(angle);
      table[at++] = Math.sin(angle);
    }
  }
  return table;
}

type RunPass = (
  pass: Pass,
  xr: Float64Array,
  xi: Float64Array,
  yr: Float64Array,
  yi: Float64Array,
) => void;

/** One output of a butterfly, turned by its twiddle. */
function put(
  yr: Float64Array,
  yi: Float64Array,
  at: number,
  re: number,
  im: number,
  c: number,
  s: number,
): void {
  yr[at] = re * c - im * s;
  yi[at] = re * s + im * c;
}

const runRadix2: RunPass = ({ n, s, twiddles: w }, xr, xi, yr, yi) => {
  const m = n / 2;
  for (let p = 0; p < m; p++) {
    for (let q = 0; q < s; q++) {
      const [a, b] = [q + s * p, q + s * (p + m)];
      const to = q + s * 2 * p;
      yr[to] = xr[a]! + xr[b]!;
      yi[to] = xi[a]! + xi[b]!;
      put(yr, yi, to + s, xr[a]! - xr[b]!, xi[a]! - xi[b]!, w[2 * p]!, w[2 * p + 1]!);
    }
  }
};

const SIN_60 = Math.sin(Math.PI / 3);

const runRadix3: RunPass = ({ n, s, twiddles: w }, xr, xi, yr, yi) => {
  const m = n / 3;
  for (let p = 0; p < m; p++) {
    const t = 4 * p;
    for (let q = 0; q < s; q++) {
      const at = q + s * p;
      const ar = xr[at]!;
      const ai = xi[at]!;
      const sr = xr[at + s * m]! + xr[at + 2 * s * m]!;
      const si = xi[at + s * m]! + xi[at + 2 * s * m]!;
      const dr = SIN_60 * (xr[at + s * m]! - xr[at + 2 * s * m]!);
      const di = SIN_60 * (xi[at + s * m]! - xi[at + 2 * s * m]!);
      const to = q + s * 3 * p;
      yr[to] = ar + sr;
      yi[to] = ai + si;
      put(yr, yi, to + s, ar - sr / 2 + di, ai - si / 2 - dr, w[t]!, w[t + 1]!);
      put(yr, yi, to + 2 * s, ar - sr / 2 - di, ai - si / 2 + dr, w[t + 2]!, w[t + 3]!);
    }
  }
};

const runRadix4: RunPass = ({ n, s, twiddles: w }, xr, xi, yr, yi) => {
  const m = n / 4;
  for (let p = 0; p < m; p++) {
    const t = 6 * p;
    for (let q = 0; q < s; q++) {
      const at = q + s * p;
      const b = at + s * m;
      const c = b + s * m;
      const d = c + s * m;
      const sumR = xr[at]! + xr[c]!;
      const sumI = xi[at]! + xi[c]!;
      const difR = xr[at]! - xr[c]!;
      const difI = xi[at]! - xi[c]!;
      const oddR = xr[b]! + xr[d]!;
      const oddI = xi[b]! + xi[d]!;
      const turnR = xi[b]! - xi[d]!;
      const turnI = xr[d]! - xr[b]!;
      const to = q + s * 4 * p;
      yr[to] = sumR + oddR;
      yi[to] = sumI + oddI;
      put(yr, yi, to + s, difR + turnR, difI + turnI, w[t]!, w[t + 1]!);
      put(yr, yi, to + 2 * s, sumR - oddR, sumI - oddI, w[t + 2]!, w[t + 3]!);
      put(yr, yi, to + 3 * s, difR - turnR, difI - turnI, w[t + 4]!, w[t + 5]!);
    }
  }
};

const [C1, S1] = [Math.cos((2 * Math.PI) / 5), Math.sin((2 * Math.PI) / 5)];
const [C2, S2] = [Math.cos((4 * Math.PI) / 5), Math.sin((4 * Math.PI) / 5)];

const runRadix5: RunPass = ({ n, s, twiddles: w }, xr, xi, yr, yi) => {
  const m = n / 5;
  const step = s * m;
  for (let p = 0; p < m; p++) {
    const t = 8 * p;
    for (let q = 0; q < s; q++) {
      const at = q + s * p;
      const ar = xr[at]!;
      const ai = xi[at]!;
      const s1r = xr[at + step]! + xr[at + 4 * step]!;
      const s1i = xi[at + step]! + xi[at + 4 * step]!;
      const d1r = xr[at + step]! - xr[at + 4 * step]!;
      const d1i = xi[at + step]! - xi[at + 4 * step]!;
      const s2r = xr[at + 2 * step]! + xr[at + 3 * step]!;
      const s2i = xi[at + 2 * step]! + xi[at + 3 * step]!;
      const d2r = xr[at + 2 * step]! - xr[at + 3 * step]!;
      const d2i = xi[at + 2 * step]! - xi[at + 3 * step]!;
      const e1r = ar + C1 * s1r + C2 * s2r;
      const e1i = ai + C1 * s1i + C2 * s2i;
      const e2r = ar + C2 * s1r + C1 * s2r;
      const e2i = ai + C2 * s1i + C1 * s2i;
      const o1r = S1 * d1i + S2 * d2i;
      const o1i = S1 * d1r + S2 * d2r;
      const o2r = S2 * d1i - S1 * d2i;
      const o2i = S2 * d1r - S1 * d2r;
      const to = q + s * 5 * p;
      yr[to] = ar + s1r + s2r;
      yi[to] = ai + s1i + s2i;
      put(yr, yi, to + s, e1r + o1r, e1i - o1i, w[t]!, w[t + 1]!);
      put(yr, yi, to + 2 * s, e2r + o2r, e2i - o2i, w[t + 2]!, w[t + 3]!);
      put(yr, yi, to + 3 * s, e2r - o2r, e2i + o2i, w[t + 4]!, w[t + 5]!);
      put(yr, yi, to + 4 * s, e1r - o1r, e1i + o1i, w[t + 6]!, w[t + 7]!);
    }
  }
};

const PASSES: Record<Radix, RunPass> = { 2: runRadix2, 3: runRadix3, 4: runRadix4, 5: runRadix5 };
