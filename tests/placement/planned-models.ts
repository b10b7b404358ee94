/** Models of many sizes for the planner, without weights. */
import type { DecoderManifest, ModelConfig } from '../../engine/manifest/manifest.ts';
import { plannedManifest, SMOLLM2_CONFIG } from '../support/planned-manifest.ts';
import { seededRandom } from '../support/random.ts';

const TYPES = { table: 'Q6_K', layers: 'Q4_K' } as const;

/** About 135, 500 and 1,500 million weights. */
export const SMALL: DecoderManifest = modelOf('small', SMOLLM2_CONFIG);
export const MIDDLE: DecoderManifest = modelOf('middle', {
  ...SMOLLM2_CONFIG,
  ...{ nLayer: 24, nEmbd: 896, nHead: 14, nKvHead: 2, nFf: 4864, nVocab: 151_936, nCtx: 32_768 },
});
export const LARGE: DecoderManifest = modelOf('large', {
  ...SMOLLM2_CONFIG,
  ...{ nLayer: 28, nEmbd: 1536, nHead: 12, nKvHead: 2, headDim: 128, ropeDim: 128, nFf: 8960 },
  ...{ nVocab: 151_936, nCtx: 32_768 },
});

export function modelOf(id: string, config: ModelConfig): DecoderManifest {
  return { ...plannedManifest(config, 'edge', TYPES), id };
}

/** A model of any size, the same for the same seed. */
export function randomModel(seed: number): DecoderManifest {
  const random = seededRandom(seed);
  const between = (low: number, high: number) => low + Math.floor(random() * (high - low + 1));
  const headDim = 64;
  const nKvHead = between(1, 4);
  const nHead = nKvHead * between(1, 4);
  return modelOf(`random-${seed}`, {
    ...SMOLLM2_CONFIG,
    ...{ nLayer: between(1, 40), headDim, nKvHead, nHead, nEmbd: nHead * headDim },
    ...{ nFf: 256 * between(2, 20), nVocab: 32 * between(100, 6000), nCtx: 256 * between(1, 64) },
    tiedHead: between(0, 1) === 1,
  });
}

/** A version of a model, by its number. */
export function version(n: number): string {
  return n.toString(16).padStart(16, '0');
}
