/** What a text's pooled row goes through: products after pooling and length one, or the scores of a reranker. */
import type { EncoderFamily } from '../../archs/types.ts';
import type { EncoderConfig } from '../../manifest/manifest.ts';
import type { Ops } from '../../ops/ops.ts';
import type { WeightMap } from '../memory/layer-weights.ts';
import { linearOf } from '../memory/linear.ts';
import type { Linear } from '../memory/linear.ts';
import { toLengthOne } from './pooling.ts';
import type { Pooling } from './pooling.ts';

/** Room for two rows of the widest product, `bytes` together, and the panels of one. */
export interface HeadRoom {
  readonly address: number;
  readonly bytes: number;
  readonly panels: number;
}

type Change = (x: Float32Array) => void;

export class VectorHead {
  /** How the row that goes in is made. */
  readonly pooling: Pooling;
  readonly #ops: Ops;
  readonly #memory: WebAssembly.Memory;
  readonly #room: HeadRoom;
  /** Products in their order, and what is done to the outcome of each. */
  readonly #steps: readonly (readonly [Linear, Change | null])[];
  readonly #last: Change | null;

  constructor(
    family: EncoderFamily,
    { pooling, normalize }: EncoderConfig,
    ops: Ops,
    memory: WebAssembly.Memory,
    weights: WeightMap,
    room: HeadRoom,
  ) {
    this.#ops = ops;
    this.#memory = memory;
    this.#room = room;
    const step = (name: string, change: Change | null = null) =>
      weights.has(`${name}Proj`) ? [[linearOf(weights, name), change] as const] : [];
    if (pooling === 'rank') {
      // Causal layers have seen the whole text in its last row only.
      this.pooling = family.sight === 'before' ? 'last' : 'cls';
      this.#steps = [...step('cls', tanh), ...step('score')];
      this.#last = family.score === 'probability' ? softmax : null;
    } else {
      this.pooling = pooling;
      this.#steps = [...step('dense2'), ...step('dense3')];
      this.#last = normalize ? toLengthOne : null;
    }
  }

  run(vector: Float32Array): Float32Array {
    let out = vector;
    for (const [linear, change] of this.#steps) {
      out = this.#multiply(linear, out);
      change?.(out);
    }
    this.#last?.(out);
    return out;
  }

  #multiply({ weight, bias }: Linear, vector: Float32Array): Float32Array {
    const { address, bytes, panels } = this.#room;
    const half = bytes / 2;
    const y = address + half;
    const stride = half / 4;
    const row = new Float32Array(this.#memory.buffer, address, stride);
    row.fill(0);
    row.set(vector);
    const x = { address, panels, stride };
    this.#ops.quantize(x, 1, weight);
    this.#ops.matmul(weight, x, 1, y, stride);
    if (bias !== 0) this.#ops.kernels.addBias(y, bias, weight.nRow, 1, stride);
    return new Float32Array(this.#memory.buffer, y, weight.nRow).slice();
  }
}

const tanh: Change = (x) => {
  for (let i = 0; i < x.length; i++) x[i] = Math.tanh(x[i]!);
};

const softmax: Change = (x) => {
  const top = Math.max(...x);
  let sum = 0;
  for (let i = 0; i < x.length; i++) sum += x[i] = Math.exp(x[i]! - top);
  for (let i = 0; i < x.length; i++) x[i]! /= sum;
};
