/** Which experts evaluate a token, and with which weight (arXiv 1701.06538, 2409.02060). */
import type { Rows } from '../../ops/ops.ts';
import type { WeightRef } from '../../ops/weights.ts';
import { rowStride } from '../memory/layout.ts';
import { CHUNK_TOKENS } from './plan.ts';
import type { Workspace } from './workspace.ts';

/** A token that chose an expert. */
export interface Routed {
  readonly token: number;
  readonly weight: number;
}

export class Router {
  readonly #space: Workspace;
  readonly #stride: number;
  readonly #scores: Float32Array;
  /** Tokens of each expert, in their order. */
  readonly #chosen: Routed[][];

  constructor(space: Workspace) {
    const nExpert = space.config.nExpert ?? 0;
    this.#space = space;
    this.#stride = rowStride(nExpert);
    const length = CHUNK_TOKENS * this.#stride;
    this.#scores = new Float32Array(space.memory.buffer, space.at('expertScores'), length);
    this.#chosen = Array.from({ length: nExpert }, () => []);
  }

  /** Chooses the experts of T rows of normed: the likeliest of a softmax over all of them. */
  route(router: WeightRef, T: number): void {
    const { ops, normed, config: c } = this.#space;
    ops.matmul(router, normed, T, this.#scores.byteOffset, this.#stride);
    for (const tokens of this.#chosen) tokens.length = 0;
    for (let token = 0; token < T; token++) {
      const from = token * this.#stride;
      const scores = this.#scores.subarray(from, from + this.#chosen.length);
      const best = bestOf(scores, c.nExpertUsed ?? 1);
      const sum = best.reduce((total, { weight }) => total + weight, 0);
      const divisor = c.normalizeExperts === true ? sum : 1;
      for (const { expert, weight } of best)
        this.#chosen[expert]!.push({ token, weight: weight / divisor });
    }
  }

  tokensOf(expert: number): readonly Routed[] {
    return this.#chosen[expert]!;
  }

  /** Copies the rows of normed that `tokens` name to the first rows of `to`. */
  gather(tokens: readonly Routed[], to: Rows): void {
    const { address, stride } = this.#space.normed;
    const bytes = new Uint8Array(this.#space.memory.buffer);
    for (const [i, { token }] of tokens.entries()) {
      const from = address + token * stride * 4;
      bytes.copyWithin(to.address + i * to.stride * 4, from, from + stride * 4);
    }
  }
}

/** The `n` largest probabilities of a softmax; the first of equal ones. */
export function bestOf(
  scores: Float32Array,
  n: number,
): { readonly expert: number; readonly weight: number }[] {
  const top = scores.reduce((largest, x) => Math.max(largest, x), -Infinity);
  const powers = Array.from(scores, (x, expert) => ({ expert, weight: Math.exp(x - top) }));
  const sum = powers.reduce((total, { weight }) => total + weight, 0);
  return powers
    .sort((a, b) => b.weight - a.weight || a.expert - b.expert)
    .slice(0, n)
    .map(({ expert, weight }) => ({ expert, weight: weight / sum }));
}
