/**
 * XTC ("exclude top choices", by p-e-w in text-generation-webui; llama.cpp's `xtc`): with a chance of
 * `xtcProbability` a token, all but the least likely of those that have at least `xtcThreshold` go.
 */
import { STREAMS, uniformAt } from './random.ts';
import type { SamplerRow } from './sampler.ts';

/** Above it no two tokens can both reach the threshold. */
const LARGEST_THRESHOLD = 0.5;

export const XTC: SamplerRow = {
  isActive: (p) => p.xtcProbability > 0 && p.xtcThreshold <= LARGEST_THRESHOLD,
  create: ({ xtcProbability, xtcThreshold, seed }) => ({
    narrow(candidates, { text, nPrompt }) {
      if (uniformAt(seed, text.length - nPrompt, STREAMS.xtc) >= xtcProbability) return;
      const { n, logits, ids, top } = candidates;
      const floor = top + Math.log(xtcThreshold * candidates.mass());
      let last = -1;
      for (let i = 0; i < n; i++) {
        if (logits[i]! < floor) continue;
        // Of tied ones the largest id is the last, as sorting would have it.
        const order = last < 0 ? -1 : logits[i]! - logits[last]! || ids[last]! - ids[i]!;
        if (order < 0) last = i;
      }
      if (last < 0) return;
      candidates.filter((i) => logits[i]! < floor || i === last);
    },
  }),
};
