/** Bidirectional layers in float64, written down as the papers have them (arXiv 1706.03762, 1810.04805). */
import { attendReference } from '../../engine/kernels/reference/attend.ts';
import {
  geluErfReference,
  layerNormReference,
} from '../../engine/kernels/reference/elementwise.ts';
import { matmulReference } from '../../engine/kernels/reference/matmul.ts';
import type { EncoderShape } from '../../engine/model/encoder/layers.ts';

export interface PlainLinear {
  /** [nRow, nCol] */
  readonly weight: Float32Array;
  readonly bias: Float32Array | null;
  readonly nRow: number;
}
export interface PlainNorm {
  readonly weight: Float32Array;
  readonly bias: Float32Array;
}
export interface PlainLayer {
  readonly attnNorm: PlainNorm;
  readonly ffnNorm: PlainNorm;
  readonly linears: Readonly<Record<'q' | 'k' | 'v' | 'o' | 'up' | 'down', PlainLinear>>;
}

type Row = Float64Array;

function linear({ weight, bias, nRow }: PlainLinear, rows: readonly Row[]): Row[] {
  return rows.map((x) =>
    matmulReference(weight, nRow, x).map((y, i) => y + (bias === null ? 0 : bias[i]!)),
  );
}

/** One sequence through all layers. */
export function encoderReference(
  shape: EncoderShape,
  layers: readonly PlainLayer[],
  input: readonly Row[],
): Row[] {
  const isPre = shape.normed === 'before';
  const headDim = shape.nEmbd / shape.nHead;
  const norm = ({ weight, bias }: PlainNorm, rows: readonly Row[]) =>
    rows.map((x) => layerNormReference(x, weight, bias, shape.normEps));
  const half = (rows: Row[], by: PlainNorm, of: (x: readonly Row[]) => Row[]): Row[] => {
    const added = of(isPre ? norm(by, rows) : rows);
    const sums = rows.map((x, t) => x.map((value, i) => value + added[t]![i]!));
    return isPre ? sums : norm(by, sums);
  };
  let rows = [...input];
  for (const { attnNorm, ffnNorm, linears } of layers) {
    rows = half(rows, attnNorm, (x) => {
      const [q, k, v] = [linear(linears.q, x), linear(linears.k, x), linear(linears.v, x)];
      const heads = q.map((row) => {
        const out = new Float64Array(shape.nEmbd);
        for (let h = 0; h < shape.nHead; h++) {
          const head = (y: Row) => y.subarray(h * headDim, (h + 1) * headDim);
          const attended = attendReference(
            head(row),
            k.map(head),
            v.map(head),
            1 / Math.sqrt(headDim),
          );
          out.set(attended, h * headDim);
        }
        return out;
      });
      return linear(linears.o, heads);
    });
    rows = half(rows, ffnNorm, (x) =>
      linear(
        linears.down,
        linear(linears.up, x).map((y) => y.map(geluErfReference)),
      ),
    );
  }
  return rows;
}
