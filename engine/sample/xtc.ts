/**
 * XTC ("exclude top choices", by p-e-w in text-generation-webui; llama.cpp's `xtc`): with probability
 * `xtcProbability` per token, all but the least likely of those with at least `xtcThreshold` are dropped.
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
        // The largest id of tied ones is the last, as in a sorted list.
        const order = last < 0 ? -1 : logits[i]! - logits[last]! || ids[last]! - ids[i]!;
        if (order < 0) last = i;
      }
      if (last < 0) return;
      candidates.filter((i) => logits[i]! < floor || i === last);
    },
  }),
};
