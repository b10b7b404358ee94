/**
 * DRY ("don't repeat yourself", by p-e-w in text-generation-webui; llama.cpp's `dry`): a token that
 * would continue the end of the text as an earlier part of it went on loses
 * multiplier * base^(length - allowedLength), where length is that of the match before it. Matches do
 * not reach over breakers, nor over rows between tokens.
 */
import type { SamplingParams } from './params.ts';
import type { Adjustable } from './candidates.ts';
import type { Adjuster, SamplerRow, SamplerContext } from './sampler.ts';

/** Texts that matches do not reach over, by default (llama.cpp's). */
export const DEFAULT_BREAKERS: readonly string[] = ['\n', ':', '"', '*'];

class Dry implements Adjuster {
  readonly #p: SamplingParams;
  readonly #breakers: ReadonlySet<number>;

  constructor(p: SamplingParams) {
    this.#p = p;
    this.#breakers = new Set(p.drySequenceBreakers);
  }

  adjust(logits: Adjustable, { text, runStarts = [] }: SamplerContext): void {
    const { dryMultiplier, dryBase, dryAllowedLength, dryPenaltyLastN } = this.#p;
    const n = dryPenaltyLastN < 0 ? text.length : Math.min(dryPenaltyLastN, text.length);
    const nLast = Math.min(n, text.length - (runStarts[text.length] ?? 0));
    let limit = 0;
    while (limit < nLast && !this.#breakers.has(text[text.length - 1 - limit]!)) limit++;
    if (limit < dryAllowedLength) return;
    for (const [token, length] of longestMatches(text, n, limit, runStarts)) {
      if (length < dryAllowedLength) continue;
      const penalty = dryMultiplier * dryBase ** (length - dryAllowedLength);
      logits.change(token, (x) => x - penalty);
    }
  }
}

/**
 * For each token that followed an earlier match of the end of the text's last `n` tokens: how long the
 * longest such match within its run was, `limit` at most. Linear: the Z-function of the text backwards.
 */
function longestMatches(
  text: readonly number[],
  n: number,
  limit: number,
  runStarts: readonly number[],
): Map<number, number> {
  const last = text.length - 1;
  const lengths = new Int32Array(n);
  const longest = new Map<number, number>();
  let [left, right] = [0, 0];
  for (let i = 1; i < n; i++) {
    let length = i < right ? Math.min(right - i, lengths[i - left]!) : 0;
    while (i + length < n && text[last - length] === text[last - i - length]) length++;
    lengths[i] = length;
    if (i + length > right) [left, right] = [i, i + length];
    if (length === 0) continue;
    const at = last - i + 1;
    const next = text[at]!;
    const capped = Math.min(length, limit, at - (runStarts[at] ?? 0));
    if (capped > (longest.get(next) ?? 0)) longest.set(next, capped);
  }
  return longest;
}

export const DRY: SamplerRow = {
  isActive: (p) => p.dryMultiplier > 0 && p.dryPenaltyLastN !== 0,
  create: (p) => new Dry(p),
};
