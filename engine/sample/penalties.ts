/**
 * Penalties on tokens that occurred before: repetition (CTRL, arXiv 1909.05858) over prompt and
 * completion, then frequency and presence (OpenAI's) over the completion.
 */
import type { SamplingParams } from './params.ts';
import type { Adjustable } from './candidates.ts';
import type { Adjuster, SamplerRow, SamplerContext } from './sampler.ts';

class Penalties implements Adjuster {
  readonly #p: SamplingParams;
  /** For each token of the text so far, how often it occurs in the completion. */
  readonly #counts = new Map<number, number>();
  #nCounted = 0;

  constructor(p: SamplingParams) {
    this.#p = p;
  }

  adjust(logits: Adjustable, { text, nPrompt }: SamplerContext): void {
    const { repetitionPenalty, frequencyPenalty, presencePenalty } = this.#p;
    for (; this.#nCounted < text.length; this.#nCounted++) {
      const token = text[this.#nCounted]!;
      const isCompletion = this.#nCounted >= nPrompt;
      this.#counts.set(token, (this.#counts.get(token) ?? 0) + (isCompletion ? 1 : 0));
    }
    for (const [token, count] of this.#counts) {
      const subtracted = count > 0 ? count * frequencyPenalty + presencePenalty : 0;
      logits.change(
        token,
        (x) => (x > 0 ? x / repetitionPenalty : x * repetitionPenalty) - subtracted,
      );
    }
  }
}

export const PENALTIES: SamplerRow = {
  isActive: (p) => p.repetitionPenalty !== 1 || p.frequencyPenalty !== 0 || p.presencePenalty !== 0,
  create: (p) => new Penalties(p),
};
