/** Divides logits: below 1 likely tokens become likelier. The chain handles 0, which is greedy. */
import { NEGLIGIBLE_NATS } from './candidates.ts';
import type { SamplerRow } from './sampler.ts';

export const TEMPERATURE: SamplerRow = {
  isActive: (p) => p.temperature !== 1 && p.temperature !== 0,
  create: ({ temperature }) => ({
    narrow: (candidates) => candidates.scale(temperature),
    reach: NEGLIGIBLE_NATS * temperature,
  }),
};
