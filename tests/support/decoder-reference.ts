/** The loss of a decoder in float64, from the references of its parts: what slopes are compared with by differences. */
import {
  causalReference,
  crossEntropyReference,
  linearReference,
  type Matrix,
  rmsNormReference,
  ropeReference,
  swigluReference,
} from '../../engine/kernels/reference/training.ts';
import type { DecoderShape } from '../../engine/train/decoder.ts';
import { evenStarts } from '../../engine/train/row-layout.ts';
import type { Batch } from '../../scripts/train/training.ts';

export type ReferenceWeights = ReadonlyMap<string, Matrix>;

/** Sum of the weighted losses. */
export function decoderLoss(weights: ReferenceWeights, shape: DecoderShape, batch: Batch): number {
  const { starts = evenStarts(batch.tokens.length, shape.nContext) } = batch;
  let sum = 0;
  for (let i = 0; i + 1 < starts.length; i++)
    sum += sequenceLoss(weights, shape, batch, [starts[i]!, starts[i + 1]!]);
  return sum;
}

/** Of the rows [from, to), which are one sequence. */
function sequenceLoss(
  weights: ReferenceWeights,
  shape: DecoderShape,
  { vectors, ...batch }: Batch,
  [from, to]: readonly [number, number],
): number {
  const [tokens, targets, counts] = [batch.tokens, batch.targets, batch.weights].map((values) =>
    values.subarray(from, to),
  ) as [Uint32Array, Uint32Array, Float32Array];
  const w = (name: string): Matrix => weights.get(`${name}.weight`)!;
  const headDim = shape.dim / shape.nHead;
  const table = w('model.embed_tokens');
  let x: Matrix = {
    ...{ nRow: tokens.length, nCol: shape.dim },
    values: Float64Array.from(
      { length: tokens.length * shape.dim },
      (_, i) => table.values[tokens[Math.floor(i / shape.dim)]! * shape.dim + (i % shape.dim)]!,
    ),
  };
  for (const [name, { values, rows, places }] of vectors ?? []) {
    const nIn = values.length / rows.length;
    const given = { nRow: rows.length, nCol: nIn, values: Float64Array.from(values) };
    const projected = linearReference(given, w(`projectors.${name}.linear`));
    const positions = w(`projectors.${name}.positions`);
    for (const [i, row] of rows.entries()) {
      if (row < from || row >= to) continue;
      for (let j = 0; j < shape.dim; j++)
        x.values[(row - from) * shape.dim + j] =
          projected.values[i * shape.dim + j]! + positions.values[places[i]! * shape.dim + j]!;
    }
  }
  for (let i = 0; i < shape.nLayer; i++) {
    const part = (name: string): Matrix => w(`model.layers.${i}.${name}`);
    const read = rmsNormReference(x, part('input_layernorm'), shape.normEps);
    const turned = (name: string): Matrix =>
      ropeReference(
        linearReference(read, part(`self_attn.${name}`)),
        ...([headDim, shape.nContext, shape.ropeBase] as const),
      );
    const [q, k] = [turned('q_proj'), turned('k_proj')];
    const v = linearReference(read, part('self_attn.v_proj'));
    const mixed = causalReference(q, k, v, headDim, shape.nContext);
    x = sum(x, linearReference(mixed, part('self_attn.o_proj')));
    const fed = rmsNormReference(x, part('post_attention_layernorm'), shape.normEps);
    const gate = linearReference(fed, part('mlp.gate_proj'));
    const up = linearReference(fed, part('mlp.up_proj'));
    x = sum(x, linearReference(swigluReference(gate, up), part('mlp.down_proj')));
  }
  const last = rmsNormReference(x, w('model.norm'), shape.normEps);
  const losses = crossEntropyReference(linearReference(last, table), targets, counts);
  return losses.reduce((a, b) => a + b, 0);
}

function sum(a: Matrix, b: Matrix): Matrix {
  return { ...a, values: a.values.map((value, i) => value + b.values[i]!) };
}
