/** The weights of one layer under the names of the architectures' rows; null for what a family lacks. */
import type { ModelConfig } from '../../manifest/manifest.ts';
import type { WeightRef } from '../../ops/weights.ts';

export interface NormRef {
  /** Addresses of the f32 weights, and of the biases or 0. */
  readonly weight: number;
  readonly bias: number;
  /** Values each norm spans. */
  readonly n: number;
}

export interface FfnWeights {
  readonly gateProj: WeightRef | null;
  readonly upProj: WeightRef;
  readonly downProj: WeightRef;
  readonly gateBias: WeightRef | null;
  readonly upBias: WeightRef | null;
  readonly downBias: WeightRef | null;
}

export interface LayerWeights {
  readonly attnNorm: NormRef | null;
  readonly qProj: WeightRef;
  readonly kProj: WeightRef;
  readonly vProj: WeightRef;
  readonly oProj: WeightRef;
  readonly qBias: WeightRef | null;
  readonly kBias: WeightRef | null;
  readonly vBias: WeightRef | null;
  readonly oBias: WeightRef | null;
  /** Norms of queries and keys, before they rotate. */
  readonly qNorm: NormRef | null;
  readonly kNorm: NormRef | null;
  /** Norms of what a half adds, before it is added. */
  readonly attnPostNorm: NormRef | null;
  readonly ffnNorm: NormRef | null;
  readonly ffnPostNorm: NormRef | null;
  readonly ffn: FfnWeights;
  readonly router: WeightRef | null;
  readonly experts: readonly FfnWeights[];
}

export type WeightMap = ReadonlyMap<string, WeightRef>;

export function layerWeights(weights: WeightMap, layer: number, c: ModelConfig): LayerWeights {
  const prefix = `layers.${layer}.`;
  const find = (name: string) => weights.get(prefix + name) ?? null;
  // bindWeights has checked that what a family requires is present.
  const need = (name: string) => weights.get(prefix + name)!;
  const norm = (name: string) => normRef(weights, prefix + name);
  const ffn = (before: string): FfnWeights => ({
    gateProj: find(`${before}gateProj`),
    upProj: need(`${before}upProj`),
    downProj: need(`${before}downProj`),
    gateBias: find(`${before}gateBias`),
    upBias: find(`${before}upBias`),
    downBias: find(`${before}downBias`),
  });
  return {
    attnNorm: norm('attnNorm'),
    qProj: need('qProj'),
    kProj: need('kProj'),
    vProj: need('vProj'),
    oProj: need('oProj'),
    qBias: find('qBias'),
    kBias: find('kBias'),
    vBias: find('vBias'),
    oBias: find('oBias'),
    qNorm: norm('qNorm'),
    kNorm: norm('kNorm'),
    attnPostNorm: norm('attnPostNorm'),
    ffnNorm: norm('ffnNorm'),
    ffnPostNorm: norm('ffnPostNorm'),
    ffn: ffn(''),
    router: find('router'),
    experts: Array.from({ length: c.nExpert ?? 0 }, (_, e) => ffn(`experts.${e}.`)),
  };
}

export function normRef(weights: WeightMap, name: string): NormRef | null {
  const weight = weights.get(name);
  if (weight === undefined) return null;
  return {
    weight: weight.address,
    bias: weights.get(`${name}Bias`)?.address ?? 0,
    n: weight.nCol,
  };
}
