/** CLIP's vision tower (arXiv 2103.00020): a learned row before the patches, a norm before the layers. */
import type { TowerFamily } from '../types.ts';
import {
  CONNECTOR,
  LAYERS,
  OUTPUT_NORM,
  patches,
  positions,
  whole,
  wholeNorm,
  width,
} from './vit.ts';

export const CLIP_VISION: TowerFamily = {
  name: 'clip-vision',
  hfModelTypes: ['clip_vision_model'],
  tensors: [
    patches(),
    whole('firstRow', 'v.class_embd', 'embeddings.class_embedding', 'positions', width),
    positions(1),
    // The name is misspelt in every file.
    ...wholeNorm('inputNorm', 'v.pre_ln', 'pre_layrnorm'),
    ...LAYERS,
    ...OUTPUT_NORM,
    ...CONNECTOR,
  ],
};
