/** Rows of tensors that vision towers share: names as transformers' and llama.cpp's (mmproj) files have them. */
import { patchValues, towerPatches } from '../../manifest/tower-config.ts';
import type { TowerConfig } from '../../manifest/tower-config.ts';
import type { AnyTensorSpec, TensorRole } from '../types.ts';

export type TowerSpec = AnyTensorSpec<TowerConfig>;
type Shape = TowerSpec['shape'];

export const width: Shape = (c) => [1, c.nEmbd];
const square: Shape = (c) => [c.nEmbd, c.nEmbd];

export function whole(
  name: string,
  gguf: string,
  hf: string,
  role: TensorRole,
  shape: Shape,
  extra: Partial<TowerSpec> = {},
): TowerSpec {
  return {
    ...{ name, role, shape, perLayer: false, required: true, manyRows: true },
    gguf: { name: gguf },
    hf: { name: hf },
    ...extra,
  };
}

function layer(name: string, gguf: string, hf: string, role: TensorRole, shape: Shape): TowerSpec {
  return {
    ...{ name: `layers.{i}.${name}`, role, shape, perLayer: true, required: true, manyRows: true },
    gguf: { name: `v.blk.{i}.${gguf}` },
    hf: { name: `encoder.layers.{i}.${hf}` },
  };
}

function linear(name: string, gguf: string, hf: string, role: TensorRole, shape: Shape) {
  const bias: Shape = (c) => [1, shape(c)[0]];
  return [
    layer(`${name}Proj`, `${gguf}.weight`, `${hf}.weight`, role, shape),
    layer(`${name}Bias`, `${gguf}.bias`, `${hf}.bias`, 'bias', bias),
  ];
}

function layerNorm(name: string, gguf: string, hf: string): TowerSpec[] {
  return [
    layer(name, `${gguf}.weight`, `${hf}.weight`, 'norm', width),
    layer(`${name}Bias`, `${gguf}.bias`, `${hf}.bias`, 'bias', width),
  ];
}

/** A norm of the whole model. */
export function wholeNorm(
  name: string,
  gguf: string,
  hf: string,
  extra: Partial<TowerSpec> = {},
): TowerSpec[] {
  return [
    whole(name, `${gguf}.weight`, `${hf}.weight`, 'norm', width, extra),
    whole(`${name}Bias`, `${gguf}.bias`, `${hf}.bias`, 'bias', width, extra),
  ];
}

/** The convolution over patches: a row of the weight is [colours, patch, patch]. */
export function patches(): TowerSpec {
  const dims = ({ nEmbd, patch }: TowerConfig) => [nEmbd, 3, patch, patch];
  const shape: Shape = (c) => [c.nEmbd, patchValues(c)];
  return {
    ...{ name: 'patchProj', role: 'convolution', shape, perLayer: false },
    ...{ required: true, manyRows: true },
    gguf: { name: 'v.patch_embd.weight', dims },
    hf: { name: 'embeddings.patch_embedding.weight', dims },
  };
}

/** Learned rows of the positions; `nFirst` of them stand before the patches. */
export function positions(nFirst: number): TowerSpec {
  return whole(
    ...(['positions', 'v.position_embd.weight', 'embeddings.position_embedding.weight'] as const),
    'positions',
    (c) => [towerPatches(c) + nFirst, c.nEmbd],
  );
}

export const LAYERS: readonly TowerSpec[] = [
  ...layerNorm('attnNorm', 'ln1', 'layer_norm1'),
  ...linear('q', 'attn_q', 'self_attn.q_proj', 'attention', square),
  ...linear('k', 'attn_k', 'self_attn.k_proj', 'attention', square),
  ...linear('v', 'attn_v', 'self_attn.v_proj', 'attention', square),
  ...linear('o', 'attn_out', 'self_attn.out_proj', 'attention', square),
  ...layerNorm('ffnNorm', 'ln2', 'layer_norm2'),
  ...linear('up', 'ffn_up', 'mlp.fc1', 'ffn', (c) => [c.nFf, c.nEmbd]),
  ...linear('down', 'ffn_down', 'mlp.fc2', 'ffn', (c) => [c.nEmbd, c.nFf]),
];

export const OUTPUT_NORM = wholeNorm('outputNorm', 'v.post_ln', 'post_layernorm', {
  present: (c) => c.outputNorm,
});

const hasOne = ({ connector }: TowerConfig) => connector.nHidden === undefined;
const read = ({ nEmbd, connector }: TowerConfig) => nEmbd * connector.factor ** 2;

/** One product without a bias over the patches of a square, or two with GELU between them. */
export const CONNECTOR: readonly TowerSpec[] = [
  whole(
    ...(['connectProj', 'mm.model.fc.weight', 'connector.weight', 'ffn'] as const),
    (c) => [c.connector.nOut, read(c)],
    { present: hasOne },
  ),
  ...twoProducts('connectIn', '0', '1', (c) => [c.connector.nHidden ?? 0, read(c)]),
  ...twoProducts('connectOut', '2', '2', (c) => [c.connector.nOut, c.connector.nHidden ?? 0]),
];

function twoProducts(name: string, gguf: string, hf: string, shape: Shape): TowerSpec[] {
  const present = (c: TowerConfig) => !hasOne(c);
  const bias: Shape = (c) => [1, shape(c)[0]];
  const files = (of: string) => [`mm.${gguf}.${of}`, `connector.linear_${hf}.${of}`] as const;
  return [
    whole(`${name}Proj`, ...files('weight'), 'ffn', shape, { present }),
    // Some have none: who opens a file says whether it must.
    whole(`${name}Bias`, ...files('bias'), 'bias', bias, { present, required: false }),
  ];
}
