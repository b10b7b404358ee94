/** SmolLM 3: Llama in which every fourth layer attends without rotary positions (NoPE, arXiv 2501.18795). */
import { LLAMA } from './llama.ts';
import type { Architecture, FieldReader } from '../types.ts';

/** llama.cpp's n_no_rope_layer_step, for which GGUF has no key, and transformers' default. */
const UNROTATED_PERIOD = 4;

export const SMOLLM3: Architecture = {
  ...LLAMA,
  name: 'smollm3',
  ggufNames: ['smollm3'],
  hfModelTypes: ['smollm3'],
  hfTiedHead: true,
  complete: ({ nLayer }, file) => ({ unrotated: unrotatedLayers(nLayer, file) }),
};

/** A list that is too long or too short is kept so: the check of the config names it. */
function unrotatedLayers(nLayer: number, file: FieldReader): boolean[] {
  const isHf = file.format === 'hf';
  const rotated = isHf ? file.list('no_rope_layers') : null;
  if (rotated !== null) return rotated.slice(0, nLayer + 1).map((flag) => flag === 0);
  const period = isHf ? file.number('no_rope_layer_interval', UNROTATED_PERIOD) : UNROTATED_PERIOD;
  return Array.from({ length: nLayer }, (_, layer) => (layer + 1) % period === 0);
}
