/**
 * DRY ("don't repeat yourself", by p-e-w in text-generation-webui; llama.cpp's `dry`): a token that
 * would make the end of the text go on as an earlier part of it did loses
 * multiplier * base^(length - allowedLength), length being that of the match before it. Matches do not
 * reach over breakers.
 */
import type { SamplingParams } from './params.ts';
import type { Adjustable } from './candidates.ts';
import type { Adjuster, SamplerRow, SamplerContext } from './sampler.ts';

/** Texts that end what may repeat, unless others are named (llama.cpp's). */
export const DEFAULT_BREAKERS: readonly string[] = ['\n', ':', '"', '*'];

class Dry implements Adjuster {
  readonly #p: SamplingParams;
  readonly #breakers: ReadonlySet<number>;

  constructor(p: SamplingParams) {
    this.#p = p;
    this.#breakers = new Set(p.drySequenceBreakers);
  }

  adjust(logits: Adjustable, { text }: SamplerContext): void {
    const { dryMultiplier, dryBase, dryAllowedLength, dryPenaltyLastN } = this.#p;
    const n = dryPenaltyLastN < 0 ? text.length : Math.min(dryPenaltyLastN, text.length);
    let limit = 0;
    while (limit < n && !this.#breakers.has(text[text.length - 1 - limit]!)) limit++;
    if (limit < dryAllowedLength) return;
    for (const [token, length] of longestMatches(text, n, limit)) {
      if (length < dryAllowedLength) continue;
      const penalty = dryMultiplier * dryBase ** (length - dryAllowedLength);
      logits.change(token, (x) => x - penalty);
    }
  }
}

/**
 * For each token that followed an earlier match of the end of the text's last `n` tokens: how long the
 * longest such match was, `limit` at most. Linear: the Z-function of the text backwards.
 */
function longestMatches(text: readonly number[], n: number, limit: number): Map<number, number> {
  const last = text.length - 1;
  const lengths = new Int32Array(n);
  const longest = new Map<number, number>();
  let [left, right] = [0, 0];
  for (let i = 1; i < n; i++) {
    let length = i < right ? Math.min(right - i, lengths[i - left]!) : 0;
    while (i + length < n && text[last - length] === text[last - i - length]) length++;
    lengths[i] = length;
    if (i + length > right) [left, right] = [i, i + length];
    const next = text[last - i + 1]!;
    const capped = Math.min(length, limit);
    if (capped > (longest.get(next) ?? 0)) longest.set(next, capped);
  }
  return longest;
}

export const DRY: SamplerRow = {
  isActive: (p) => p.dryMultiplier > 0 && p.dryPenaltyLastN !== 0,
  create: (p) => new Dry(p),
};
