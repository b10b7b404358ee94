/** Samples of a recording that were read and are not transcribed yet. */
export class SampleBuffer {
  #samples = new Float32Array(1 << 16);
  #start = 0;
  #length = 0;

  /** Position of the first sample held, from the recording's beginning. */
  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#start + this.#length;
  }

  push(samples: Float32Array): void {
    const needed = this.#length + samples.length;
    if (needed > this.#samples.length) {
      const larger = new Float32Array(Math.max(needed, 2 * this.#samples.length));
      larger.set(this.#samples.subarray(0, this.#length));
      this.#samples = larger;
    }
    this.#samples.set(samples, this.#length);
    this.#length = needed;
  }

  /** A copy of the samples from `from` to `to`, limited to those held. */
  slice(from: number, to: number): Float32Array {
    const begin = Math.max(0, from - this.#start);
    return this.#samples.slice(begin, Math.max(begin, Math.min(this.#length, to - this.#start)));
  }

  /** Drops the samples before `to`. */
  dropBefore(to: number): void {
    const n = Math.min(Math.max(0, to - this.#start), this.#length);
    this.#samples.copyWithin(0, n, this.#length);
    this.#start += n;
    this.#length -= n;
  }
}
