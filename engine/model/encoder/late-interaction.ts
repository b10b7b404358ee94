/**
 * Late interaction (ColBERT, arXiv 2004.12832): a passage is as relevant as its tokens are like those of the query. Each
 * token's row becomes a vector of length one; each token of the query counts with the most similar one of the passage,
 * weighted by how much it says. The cosine of both texts' own vectors is added: words alone miss what is said in others.
 */
import type { EncoderConfig } from '../../manifest/manifest.ts';
import type { Ops } from '../../ops/ops.ts';
import { slices } from './layers.ts';
import type { Span } from './layers.ts';
import type { WeightMap } from '../memory/layer-weights.ts';
import { linearOf } from '../memory/linear.ts';
import type { Linear } from '../memory/linear.ts';
import { rowStride } from '../memory/layout.ts';
import { toLengthOne } from './pooling.ts';

/** Addresses of what it works in. */
export interface LateRegions {
  /** [T, rowStride(nEmbd)] f32: the rows of the last layer. */
  readonly hidden: number;
  /** Panels of SLICE_ROWS rows of hidden. */
  readonly panels: number;
  /** [nCtx, rowStride(width)] f32: the query's vectors. */
  readonly query: number;
  /** [nCtx, rowStride(width)] f32: a passage's. */
  readonly passage: number;
  /** [nCtx] f32 */
  readonly largest: number;
}

export class LateInteraction {
  readonly #ops: Ops;
  readonly #memory: WebAssembly.Memory;
  readonly #regions: LateRegions;
  readonly #projection: Linear;
  /** [nEmbd] f32, what a token's weight is made of. */
  readonly #importance: number;
  readonly #importanceOffset: number;
  readonly #nEmbd: number;
  readonly #hiddenStride: number;
  readonly #width: number;
  readonly #stride: number;
  readonly #textShare: number;
  /** Of the query that is held: weights of its tokens, and its own vector. */
  #weights: readonly number[] = [];
  #vector: Float32Array = new Float32Array(0);

  constructor(
    { nEmbd }: EncoderConfig,
    { width, importanceOffset, textShare }: NonNullable<EncoderConfig['late']>,
    ops: Ops,
    memory: WebAssembly.Memory,
    weights: WeightMap,
    regions: LateRegions,
  ) {
    this.#ops = ops;
    this.#memory = memory;
    this.#regions = regions;
    this.#projection = linearOf(weights, 'late');
    // bindWeights has checked that what a config asks for is present.
    this.#importance = weights.get('lateImportance')!.address;
    this.#importanceOffset = importanceOffset;
    this.#textShare = textShare;
    this.#nEmbd = nEmbd;
    this.#hiddenStride = rowStride(nEmbd);
    this.#width = width;
    this.#stride = rowStride(width);
  }

  /** Keeps the vectors of a query's rows for the passages that follow. @param vector the text's own, of length one */
  holdQuery(span: Span, vector: Float32Array): void {
    this.#vector = vector;
    this.#project(span, this.#regions.query);
    const u = new Float32Array(this.#memory.buffer, this.#importance, this.#nEmbd);
    this.#weights = Array.from({ length: span.n }, (_, i) => {
      const row = this.#hiddenRow(span.from + i);
      let sum = this.#importanceOffset;
      for (let k = 0; k < row.length; k++) sum += u[k]! * row[k]!;
      return softplus(sum);
    });
  }

  /**
   * Weighted mean of the largest cosines of the held query's tokens, and the cosine of the texts' own vectors: within
   * (1 + textShare) of 0.
   * @param span rows of the passage
   * @param vector the passage's own, of length one
   */
  score(span: Span, vector: Float32Array): number {
    const { query, passage, largest } = this.#regions;
    this.#project(span, passage);
    const nQuery = this.#weights.length;
    this.#ops.kernels.maxSim(query, nQuery, passage, span.n, this.#width, this.#stride, largest);
    const cosines = new Float32Array(this.#memory.buffer, largest, nQuery);
    let [sum, total] = [0, 0];
    for (const [i, weight] of this.#weights.entries()) {
      sum += weight * cosines[i]!;
      total += weight;
    }
    return sum / total + this.#textShare * dot(this.#vector, vector);
  }

  /** Vectors of a span's rows at `to`. */
  #project(span: Span, to: number): void {
    const { hidden, panels } = this.#regions;
    const { weight, bias } = this.#projection;
    for (const { from, n } of slices(span.n)) {
      const address = hidden + (span.from + from) * this.#hiddenStride * 4;
      const x = { address, panels, stride: this.#hiddenStride };
      const y = to + from * this.#stride * 4;
      this.#ops.quantize(x, n, weight);
      this.#ops.matmul(weight, x, n, y, this.#stride);
      if (bias !== 0) this.#ops.kernels.addBias(y, bias, weight.nRow, n, this.#stride);
      for (let i = 0; i < n; i++)
        toLengthOne(new Float32Array(this.#memory.buffer, y + i * this.#stride * 4, this.#width));
    }
  }

  #hiddenRow(index: number): Float32Array {
    const { buffer } = this.#memory;
    return new Float32Array(
      buffer,
      this.#regions.hidden + index * this.#hiddenStride * 4,
      this.#nEmbd,
    );
  }
}

/** Values of the regions but `hidden` and `panels`, which the layers have anyway. */
export function lateSizes({ late, nCtx }: EncoderConfig) {
  if (late === undefined) return { lateQuery: 0, latePassage: 0, lateLargest: 0 };
  const rows = nCtx * rowStride(late.width) * 4;
  return { lateQuery: rows, latePassage: rows, lateLargest: nCtx * 4 };
}

function dot(a: Float32Array, b: Float32Array): number {
  let sum = 0;
  for (let i = 0; i < a.length; i++) sum += a[i]! * b[i]!;
  return sum;
}

/** log(1 + e^x): positive, and about x for a large x. */
function softplus(x: number): number {
  return x > 30 ? x : Math.log1p(Math.exp(x));
}
