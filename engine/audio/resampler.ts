/**
 * Any rate to any other: a windowed sinc between the samples (Julius O. Smith, "Digital Audio
 * Resampling", CCRMA), read off one table with straight lines between its entries. Works on pieces of a
 * recording and carries over what the next piece needs.
 */

/** Zero crossings of the sinc on each side, at the lower of the two rates. */
const HALF_CROSSINGS = 32;
/** Table entries per zero crossing; straight lines between them stay below -110 dB. */
const ENTRIES = 512;
/** Shape of the Kaiser window: a stop-band of about -100 dB. */
const KAISER_BETA = 10;
/**
 * Where the filter has fallen by half, as a part of half the lower rate: tones up to 0.8 of that half
 * pass, those above it are removed.
 */
const CUTOFF_PART = 0.91;
/** Filters kept, one for each position between two samples; rates with more positions recompute theirs. */
const MAX_FILTERS = 1024;

export class Resampler {
  readonly #from: number;
  readonly #to: number;
  /** Input samples that reach into an output sample, on each side. */
  readonly #reach: number;
  readonly #table: Float32Array;
  readonly #entriesPerInput: number;
  readonly #filters = new Map<number, Float32Array>();
  readonly #keepsFilters: boolean;
  /** Samples from `#start` of the input on that are still needed. */
  #kept: Float32Array;
  #start: number;
  #nInput = 0;
  #nOutput = 0;

  constructor(from: number, to: number) {
    const ratio = Math.min(1, to / from) * CUTOFF_PART;
    this.#from = from;
    this.#to = to;
    this.#reach = Math.ceil(HALF_CROSSINGS / ratio);
    this.#entriesPerInput = ENTRIES * ratio;
    this.#table = sincTable(ratio);
    this.#keepsFilters = to / greatestDivisor(from, to) <= MAX_FILTERS;
    // Silence before the first sample.
    this.#kept = new Float32Array(this.#reach);
    this.#start = -this.#reach;
  }

  /** @returns the output these samples decide; the last 32 crossings wait for more. */
  push(samples: Float32Array): Float32Array {
    this.#append(samples);
    this.#nInput += samples.length;
    // Output i reaches up to input i from/to + reach.
    const nReady = Math.ceil(((this.#nInput - this.#reach) * this.#to) / this.#from);
    return this.#emit(Math.max(nReady, this.#nOutput));
  }

  /** The rest of the output, as if silence followed. */
  flush(): Float32Array {
    const nTotal = Math.round((this.#nInput * this.#to) / this.#from);
    this.#append(new Float32Array(this.#reach + 1));
    return this.#emit(Math.max(nTotal, this.#nOutput));
  }

  #append(samples: Float32Array): void {
    // Nothing before the reach of the next output is needed any more.
    const needed = Math.floor((this.#nOutput * this.#from) / this.#to) - this.#reach;
    const drop = Math.min(Math.max(0, needed - this.#start), this.#kept.length);
    const kept = new Float32Array(this.#kept.length - drop + samples.length);
    kept.set(this.#kept.subarray(drop));
    kept.set(samples, this.#kept.length - drop);
    this.#kept = kept;
    this.#start += drop;
  }

  #emit(upTo: number): Float32Array {
    const out = new Float32Array(upTo - this.#nOutput);
    for (let i = 0; i < out.length; i++) out[i] = this.#sampleAt(this.#nOutput + i);
    this.#nOutput = upTo;
    return out;
  }

  #sampleAt(output: number): number {
    const place = output * this.#from;
    const phase = place % this.#to;
    const filter = this.#filterOf(phase);
    const first = (place - phase) / this.#to - this.#reach - this.#start;
    const kept = this.#kept;
    const from = Math.max(0, -first);
    const to = Math.min(filter.length, kept.length - first);
    let sum = 0;
    for (let i = from; i < to; i++) sum += kept[first + i]! * filter[i]!;
    return sum;
  }

  /** Weights of the inputs from `reach` before to `reach` after a position phase/to after one of them. */
  #filterOf(phase: number): Float32Array {
    const known = this.#filters.get(phase);
    if (known !== undefined) return known;
    const table = this.#table;
    const filter = Float32Array.from({ length: 2 * this.#reach + 2 }, (_, i) => {
      const entry = Math.abs(i - this.#reach - phase / this.#to) * this.#entriesPerInput;
      const whole = Math.min(Math.floor(entry), table.length - 2);
      return table[whole]! + (entry - whole) * (table[whole + 1]! - table[whole]!);
    });
    if (this.#keepsFilters) this.#filters.set(phase, filter);
    return filter;
  }
}

function greatestDivisor(a: number, b: number): number {
  return b === 0 ? a : greatestDivisor(b, a % b);
}

/** Half of the symmetric filter, ENTRIES per crossing, with two zeros after its end. */
function sincTable(ratio: number): Float32Array {
  const n = HALF_CROSSINGS * ENTRIES;
  const table = new Float32Array(n + ENTRIES);
  for (let i = 0; i < n; i++) {
    const x = i / ENTRIES;
    const sinc = i === 0 ? 1 : Math.sin(Math.PI * x) / (Math.PI * x);
    const window = bessel(KAISER_BETA * Math.sqrt(1 - (i / n) ** 2)) / bessel(KAISER_BETA);
    table[i] = ratio * sinc * window;
  }
  return table;
}

/** The modified Bessel function of order zero. */
function bessel(x: number): number {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-12 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}
