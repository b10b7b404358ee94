/** A weight and its bias, by their names in the rows of an architecture. */
import type { WeightRef } from '../../ops/weights.ts';
import type { WeightMap } from './layer-weights.ts';

export interface Linear {
  readonly weight: WeightRef;
  /** Address of the f32 bias, or 0. */
  readonly bias: number;
}

/** `<name>Proj` and `<name>Bias`; bindWeights has checked that what is required is present. */
export function linearOf(weights: WeightMap, name: string): Linear {
  return {
    weight: weights.get(`${name}Proj`)!,
    bias: weights.get(`${name}Bias`)?.address ?? 0,
  };
}
