/** Which guess a step should make: drafts cost rows, and often come true. */
import { MAX_DRAFT_TOKENS } from './drafts.ts';
import type { Generation } from './generation.ts';
import type { StepCosts } from './step-costs.ts';
import type { DraftPlan } from './step.ts';

/** Factor by which a step with a draft must be better: probabilities and costs are estimates. */
const DRAFT_MARGIN = 1.03;

/**
 * The draft, with its length, that yields most tokens for the cost of the step; null when none yields
 * more than a step without. Beside many streams rows are expensive, and no draft pays.
 * @param maxRows of a pass
 */
export function bestDraft(
  decoding: readonly Generation[],
  costs: StepCosts,
  maxRows: number,
): DraftPlan | null {
  const nDecoding = decoding.length;
  const longest = Math.min(MAX_DRAFT_TOKENS, maxRows - nDecoding);
  let best: DraftPlan | null = null;
  let bestGain = nDecoding === 0 ? 0 : (nDecoding / costs.of(nDecoding)) * DRAFT_MARGIN;
  for (const generation of decoding)
    for (const drafts of generation.drafts) {
      const chance = drafts.predict();
      if (chance === 0) continue;
      let nExpected = nDecoding;
      for (let n = 1; n <= longest; n++) {
        nExpected += chance ** n;
        const gain = nExpected / (costs.of(nDecoding + n) + n * drafts.tokenCost);
        if (gain > bestGain) [best, bestGain] = [{ generation, drafts, nToken: n }, gain];
      }
    }
  return best;
}
