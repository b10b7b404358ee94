/**
 * Mirostat 2 (arXiv 2007.14966, algorithm 2; llama.cpp's `mirostat_v2`): tokens of more than mu bits
 * of surprise are left out; after each token mu changes by eta times the difference between tau and its
 * surprise among those that were left. mu follows from the text and the logits it was drawn from: one
 * step per token, in order.
 */
import type { SamplingParams } from './params.ts';
import type { Candidates } from './candidates.ts';
import type { Narrower, SamplerRow } from './sampler.ts';

class Mirostat implements Narrower {
  readonly #tau: number;
  readonly #eta: number;
  #mu: number;

  constructor({ mirostatTau, mirostatEta }: SamplingParams) {
    this.#tau = mirostatTau;
    this.#eta = mirostatEta;
    this.#mu = 2 * mirostatTau;
  }

  narrow(candidates: Candidates): void {
    const { logits, top } = candidates;
    const floor = top + Math.log(candidates.mass()) - this.#mu * Math.LN2;
    candidates.filter((i) => logits[i]! >= floor);
  }

  drawn(probability: number): void {
    this.#mu -= this.#eta * (-Math.log2(probability) - this.#tau);
  }
}

export const MIROSTAT: SamplerRow = {
  isActive: (p) => p.mirostat === 2,
  create: (p) => new Mirostat(p),
};
