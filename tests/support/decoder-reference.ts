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
import { evenStarts } from '../../engine/train/row-layout.ts';
import type { Batch } from '../../scripts/train/training.ts';

export type ReferenceWeights = ReadonlyMap<string, Matrix>;

/** Sum of the weighted losses. @param prefixOf what a layer's queries see before their sequences */
export function decoderLoss(
  weights: ReferenceWeights,
  shape: DecoderShape,
  { vectors, ...batch }: Batch,
  prefixOf: (layer: number) => KeptReference | null = () => null,
): number {
  const { starts = evenStarts(batch.tokens.length, shape.nContext) } = batch;
  const table = weights.get('model.embed_tokens.weight')!;
  let loss = 0;
  for (let i = 0; i + 1 < starts.length; i++) {
    const [from, to] = [starts[i]!, starts[i + 1]!];
    const tokens = batch.tokens.subarray(from, to);
    const seen = vectors === undefined ? null : { vectors, from };
    const lossAfter = (nLayer: number, counts: (row: number) => number): number => {
      const rows = decoderRowsReference(weights, { ...shape, nLayer }, tokens, '', prefixOf, seen);
      const logits = linearReference(rows, table);
      const wanted = Float32Array.from({ length: to - from }, (_, i) => counts(from + i));
      const losses = crossEntropyReference(logits, batch.targets.subarray(from, to), wanted);
      return losses.reduce((a, b) => a + b, 0);
    };
    const isLabel = labelRows(shape, vectors);
    loss += lossAfter(shape.nLayer, (row) => (isLabel.has(row) ? 0 : batch.weights[row]!));
    if (isLabel.size > 0)
      loss += lossAfter(shape.labelLayer!, (row) => (isLabel.has(row) ? batch.weights[row]! : 0));
  }
  return loss;
}

/** Rows whose loss is that of an earlier layer. */
function labelRows({ labelLayer }: DecoderShape, vectors: Batch['vectors']): ReadonlySet<number> {
  if (labelLayer === undefined) return new Set();
  return new Set([...(vectors?.values() ?? [])].flatMap(({ rows }) => [...rows]));
}

/** Vectors of a batch, for the sequence that begins at its row `from`. */
interface SeenVectors {
  readonly vectors: NonNullable<Batch['vectors']>;
  readonly from: number;
}

/** Rows after the last norm. @param name what the names of the weights begin with */
export function decoderRowsReference(
  weights: ReferenceWeights,
  shape: DecoderShape,
  tokens: Uint32Array,
  name = '',
  prefixOf: (layer: number) => KeptReference | null = () => null,
  seen: SeenVectors | null = null,
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
  for (const [sense, { values, rows, places }] of seen?.vectors ?? []) {
    const from = seen!.from;
    const nIn = values.length / rows.length;
    const given = { nRow: rows.length, nCol: nIn, values: Float64Array.from(values) };
    const projected = linearReference(given, w(`projectors.${sense}.linear`));
    const positions = w(`projectors.${sense}.positions`);
    for (const [i, row] of rows.entries()) {
      if (row < from || row >= from + tokens.length) continue;
      for (let j = 0; j < shape.dim; j++)
        x.values[(row - from) * shape.dim + j] =
          projected.values[i * shape.dim + j]! + positions.values[places[i]! * shape.dim + j]!;
    }
  }
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
