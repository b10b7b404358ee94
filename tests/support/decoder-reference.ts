/** The loss of a decoder in float64, from the references of its parts: what slopes are compared with by differences. */
import {
  causalReference,
  crossEntropyReference,
  type KeptReference,
  linearReference,
  type Matrix,
  rmsNormReference,
  ropeReference,
  swigluReference,
} from '../../engine/kernels/reference/training.ts';
import type { DecoderShape } from '../../engine/train/decoder.ts';
import type { Batch } from '../../scripts/train/training.ts';

export type ReferenceWeights = ReadonlyMap<string, Matrix>;

/** Sum of the weighted losses. @param prefixOf what a layer's queries see before their sequences */
export function decoderLoss(
  weights: ReferenceWeights,
  shape: DecoderShape,
  { tokens, targets, weights: counts }: Batch,
  prefixOf: (layer: number) => KeptReference | null = () => null,
): number {
  const last = decoderRowsReference(weights, shape, tokens, '', prefixOf);
  const table = weights.get('model.embed_tokens.weight')!;
  const losses = crossEntropyReference(linearReference(last, table), targets, counts);
  return losses.reduce((a, b) => a + b, 0);
}

/** Rows after the last norm. @param name what the names of the weights begin with */
export function decoderRowsReference(
  weights: ReferenceWeights,
  shape: DecoderShape,
  tokens: Uint32Array,
  name = '',
  prefixOf: (layer: number) => KeptReference | null = () => null,
): Matrix {
  const w = (part: string): Matrix => weights.get(`${name}${part}.weight`)!;
  const headDim = shape.dim / shape.nHead;
  const table = w('model.embed_tokens');
  let x: Matrix = {
    ...{ nRow: tokens.length, nCol: shape.dim },
    values: Float64Array.from(
      { length: tokens.length * shape.dim },
      (_, i) => table.values[tokens[Math.floor(i / shape.dim)]! * shape.dim + (i % shape.dim)]!,
    ),
  };
  for (let i = 0; i < shape.nLayer; i++) {
    const part = (name: string): Matrix => w(`model.layers.${i}.${name}`);
    const read = rmsNormReference(x, part('input_layernorm'), shape.normEps);
    const before = prefixOf(i);
    const turned = (name: string): Matrix =>
      ropeReference(
        linearReference(read, part(`self_attn.${name}`)),
        ...([headDim, shape.nContext, shape.ropeBase, before?.keys.nRow] as const),
      );
    const [q, k] = [turned('q_proj'), turned('k_proj')];
    const v = linearReference(read, part('self_attn.v_proj'));
    const mixed = causalReference(q, k, v, headDim, shape.nContext, before);
    x = sum(x, linearReference(mixed, part('self_attn.o_proj')));
    const fed = rmsNormReference(x, part('post_attention_layernorm'), shape.normEps);
    const gate = linearReference(fed, part('mlp.gate_proj'));
    const up = linearReference(fed, part('mlp.up_proj'));
    x = sum(x, linearReference(swigluReference(gate, up), part('mlp.down_proj')));
  }
  return rmsNormReference(x, w('model.norm'), shape.normEps);
}

function sum(a: Matrix, b: Matrix): Matrix {
  return { ...a, values: a.values.map((value, i) => value + b.values[i]!) };
}
