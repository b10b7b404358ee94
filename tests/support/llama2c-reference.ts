/**
 * A Llama decoder in plain TypeScript over a llama2.c file (version 0), float32 weights and
 * activations, float64 sums: the reference of the whole engine. Shares no code with it.
 * Paper: arXiv 2302.13971; file layout: karpathy/llama2.c export.py.
 */
import type { ModelConfig } from '../../engine/manifest/manifest.ts';

type Header = [number, number, number, number, number, number, number];

/** The matrices of one layer, row-major. */
export interface Layer {
  readonly attNorm: Float32Array;
  readonly q: Float32Array;
  readonly k: Float32Array;
  readonly v: Float32Array;
  readonly o: Float32Array;
  readonly ffnNorm: Float32Array;
  readonly w1: Float32Array;
  readonly w2: Float32Array;
  readonly w3: Float32Array;
}

/** Keys and values of one layer, one of each a position. */
export interface LayerCache {
  readonly keys: Float32Array[];
  readonly values: Float32Array[];
}

export class Llama2cReference {
  readonly config: ModelConfig;
  readonly #layers: readonly Layer[];
  readonly #embedding: Float32Array;
  readonly #finalNorm: Float32Array;
  readonly #cache: LayerCache[];

  constructor(file: Uint8Array) {
    const header = new Int32Array(file.buffer, file.byteOffset, 7);
    const [dim, hidden, nLayer, nHead, nKvHead, nVocab, nCtx] = [...header] as Header;
    const headDim = dim / nHead;
    this.config = {
      ...{ nLayer, nEmbd: dim, nHead, nKvHead, headDim, nFf: hidden, nVocab, nCtx },
      ...{ normEps: 1e-5, ropeTheta: 10000, ropePairing: 'adjacent', ropeDim: headDim },
      ...{ ropeScaling: { kind: 'none' }, tiedHead: true },
    };
    const kvDim = headDim * nKvHead;
    let at = file.byteOffset + 28;
    const take = (n: number) => {
      const part = new Float32Array(file.buffer, at, n);
      at += n * 4;
      return part;
    };
    // The file holds each kind of tensor for all layers before the next kind.
    const all = (n: number) => Array.from({ length: nLayer }, () => take(n));
    this.#embedding = take(nVocab * dim);
    const attNorm = all(dim);
    const q = all(dim * dim);
    const k = all(kvDim * dim);
    const v = all(kvDim * dim);
    const o = all(dim * dim);
    const ffnNorm = all(dim);
    const w1 = all(hidden * dim);
    const w2 = all(dim * hidden);
    const w3 = all(hidden * dim);
    this.#finalNorm = take(dim);
    this.#layers = attNorm.map((norm, i) => ({
      attNorm: norm,
      q: q[i]!,
      k: k[i]!,
      v: v[i]!,
      o: o[i]!,
      ffnNorm: ffnNorm[i]!,
      w1: w1[i]!,
      w2: w2[i]!,
      w3: w3[i]!,
    }));
    this.#cache = this.emptyCache();
  }

  /** Views into the file: whoever changes them changes the model. */
  layer(index: number): Layer {
    return this.#layers[index]!;
  }

  emptyCache(): LayerCache[] {
    return this.#layers.map(() => ({ keys: [], values: [] }));
  }

  /** Logits after `token` at the next position. */
  next(token: number): Float32Array {
    return this.step(this.embed(token), this.#cache);
  }

  embed(token: number): Float32Array {
    const { nEmbd } = this.config;
    return this.#embedding.slice(token * nEmbd, (token + 1) * nEmbd);
  }

  /** Logits after the row `x`, whose keys and values are appended to the cache; `x` is used up. */
  step(x: Float32Array, cache: readonly LayerCache[]): Float32Array {
    for (const [i, layer] of this.#layers.entries()) {
      const { keys, values } = cache[i]!;
      const normed = norm(x, layer.attNorm);
      const q = matvec(layer.q, normed);
      const k = matvec(layer.k, normed);
      rotate(q, this.config.headDim, keys.length);
      rotate(k, this.config.headDim, keys.length);
      keys.push(k);
      values.push(matvec(layer.v, normed));
      addTo(x, matvec(layer.o, this.#attend(q, keys, values)));
      const inner = norm(x, layer.ffnNorm);
      const gate = matvec(layer.w1, inner);
      const up = matvec(layer.w3, inner);
      const mixed = gate.map((g, i) => (g / (1 + Math.exp(-g))) * up[i]!);
      addTo(x, matvec(layer.w2, mixed));
    }
    return matvec(this.#embedding, norm(x, this.#finalNorm));
  }

  #attend(q: Float32Array, keys: Float32Array[], values: Float32Array[]): Float32Array {
    const { headDim: headSize, nHead, nKvHead } = this.config;
    const out = new Float32Array(q.length);
    for (let h = 0; h < nHead; h++) {
      const kv = Math.floor(h / (nHead / nKvHead)) * headSize;
      const scores = keys.map((key) => {
        let sum = 0;
        for (let i = 0; i < headSize; i++) sum += q[h * headSize + i]! * key[kv + i]!;
        return sum / Math.sqrt(headSize);
      });
      const top = Math.max(...scores);
      const weights = scores.map((s) => Math.exp(s - top));
      const total = weights.reduce((a, b) => a + b, 0);
      for (let i = 0; i < headSize; i++) {
        let sum = 0;
        for (const [t, w] of weights.entries()) sum += (w / total) * values[t]![kv + i]!;
        out[h * headSize + i] = sum;
      }
    }
    return out;
  }
}

function norm(x: Float32Array, weight: Float32Array): Float32Array {
  let sum = 0;
  for (const v of x) sum += v * v;
  const r = 1 / Math.sqrt(sum / x.length + 1e-5);
  return x.map((v, i) => v * r * weight[i]!);
}
function matvec(w: Float32Array, x: Float32Array): Float32Array {
  const out = new Float32Array(w.length / x.length);
  for (let row = 0; row < out.length; row++) {
    let sum = 0;
    for (let i = 0; i < x.length; i++) sum += w[row * x.length + i]! * x[i]!;
    out[row] = sum;
  }
  return out;
}
function rotate(x: Float32Array, headSize: number, position: number): void {
  for (let i = 0; i < x.length; i += 2) {
    const angle = position / 10000 ** ((i % headSize) / headSize);
    const [a, b] = [x[i]!, x[i + 1]!];
    x[i] = a * Math.cos(angle) - b * Math.sin(angle);
    x[i + 1] = a * Math.sin(angle) + b * Math.cos(angle);
  }
}
function addTo(x: Float32Array, y: Float32Array): void {
  for (let i = 0; i < x.length; i++) x[i]! += y[i]!;
}
