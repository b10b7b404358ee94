/** Distribution of whole numbers, such as lengths: exact quantiles, and bars whose widths double. */

const QUANTILES = [0, 0.05, 0.25, 0.5, 0.75, 0.95, 1] as const;

export interface Bar {
  /** Smallest and largest value counted. */
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

export interface DistributionSummary {
  readonly n: number;
  readonly mean: number;
  /** Least, 5 %, 25 %, median, 75 %, 95 %, most. */
  readonly quantiles: readonly number[];
  readonly bars: readonly Bar[];
}

/** Takes 4 bytes a value. */
export class Distribution {
  #values = new Uint32Array(1024);
  #n = 0;

  add(value: number): void {
    if (this.#n === this.#values.length) {
      const values = new Uint32Array(2 * this.#n);
      values.set(this.#values);
      this.#values = values;
    }
    this.#values[this.#n++] = value;
  }

  summary(): DistributionSummary {
    const sorted = this.#values.slice(0, this.#n).sort();
    const at = (part: number): number => sorted[Math.round(part * (this.#n - 1))] ?? 0;
    const mean = sorted.reduce((sum, value) => sum + value, 0) / Math.max(1, this.#n);
    return { n: this.#n, mean, quantiles: QUANTILES.map(at), bars: barsOf(sorted) };
  }
}

/** 0, 1, 2 to 3, 4 to 7 and so on, from the first bar that counts anything to the last. */
function barsOf(sorted: Uint32Array): Bar[] {
  const counts = new Map<number, number>();
  for (const value of sorted) {
    const bar = value === 0 ? 0 : Math.floor(Math.log2(value)) + 1;
    counts.set(bar, (counts.get(bar) ?? 0) + 1);
  }
  const used = [...counts.keys()];
  if (used.length === 0) return [];
  const [first, last] = [Math.min(...used), Math.max(...used)];
  return Array.from({ length: last - first + 1 }, (_, i) => {
    const bar = first + i;
    return {
      from: bar === 0 ? 0 : 2 ** (bar - 1),
      to: bar === 0 ? 0 : 2 ** bar - 1,
      count: counts.get(bar) ?? 0,
    };
  });
}
