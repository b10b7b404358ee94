/** SigLIP's vision tower (arXiv 2303.15343), also as Idefics 3 and SmolVLM have it. */
import type { TowerFamily } from '../types.ts';
import { CONNECTOR, LAYERS, OUTPUT_NORM, patches, positions, whole, width } from './vit.ts';

export const SIGLIP: TowerFamily = {
  name: 'siglip',
  hfModelTypes: ['siglip_vision_model', 'idefics3_vision', 'smolvlm_vision'],
  tensors: [
    patches(),
    whole('patchBias', 'v.patch_embd.bias', 'embeddings.patch_embedding.bias', 'bias', width),
    positions(0),
    ...LAYERS,
    ...OUTPUT_NORM,
    ...CONNECTOR,
  ],
};
