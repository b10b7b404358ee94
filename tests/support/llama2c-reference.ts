/**
 * A Llama decoder in plain TypeScript over a llama2.c file (version 0), float32 weights and
 * activations, float64 sums: the reference of the whole engine. Shares no code with it.
 * Paper: arXiv 2302.13971; file layout: karpathy/llama2.c export.py.
 */
export class Llama2cReference {
  readonly nVocab: number;
  readonly #dim: number;
  readonly #nHead: number;
  readonly #nKvHead: number;
  readonly #headSize: number;
  readonly #layers: {
    attNorm: Float32Array;
    q: Float32Array;
    k: Float32Array;
    v: Float32Array;
    o: Float32Array;
    ffnNorm: Float32Array;
    w1: Float32Array;
    w2: Float32Array;
    w3: Float32Array;
    keys: Float32Array[];
    values: Float32Array[];
  }[];
  readonly #embedding: Float32Array;
  readonly #finalNorm: Float32Array;

  constructor(file: Uint8Array) {
    const header = new Int32Array(file.buffer, file.byteOffset, 7);
    const [dim, hidden, nLayer, nHead, nKvHead, nVocab] = header as unknown as number[];
    this.#dim = dim!;
    this.#nHead = nHead!;
    this.#nKvHead = nKvHead!;
    this.nVocab = nVocab!;
    this.#headSize = dim! / nHead!;
    const kvDim = this.#headSize * nKvHead!;
    let at = file.byteOffset + 28;
    const take = (n: number) => {
      const part = new Float32Array(file.buffer, at, n);
      at += n * 4;
      return part;
    };
    // The file holds each kind of tensor for all layers before the next kind.
    const all = (n: number) => Array.from({ length: nLayer! }, () => take(n));
    this.#embedding = take(nVocab! * dim!);
    const attNorm = all(dim!);
    const q = all(dim! * dim!);
    const k = all(kvDim * dim!);
    const v = all(kvDim * dim!);
    const o = all(dim! * dim!);
    const ffnNorm = all(dim!);
    const w1 = all(hidden! * dim!);
    const w2 = all(dim! * hidden!);
    const w3 = all(hidden! * dim!);
    this.#finalNorm = take(dim!);
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
      keys: [],
      values: [],
    }));
  }

  /** Logits after `token` at the next position. */
  next(token: number): Float32Array {
    const dim = this.#dim;
    const headSize = this.#headSize;
    const x = this.#embedding.slice(token * dim, (token + 1) * dim);
    for (const layer of this.#layers) {
      const position = layer.keys.length;
      const normed = norm(x, layer.attNorm);
      const q = matvec(layer.q, normed);
      const k = matvec(layer.k, normed);
      rotate(q, headSize, position);
      rotate(k, headSize, position);
      layer.keys.push(k);
      layer.values.push(matvec(layer.v, normed));
      addTo(x, matvec(layer.o, this.#attend(q, layer.keys, layer.values)));
      const inner = norm(x, layer.ffnNorm);
      const gate = matvec(layer.w1, inner);
      const up = matvec(layer.w3, inner);
      const mixed = gate.map((g, i) => (g / (1 + Math.exp(-g))) * up[i]!);
      addTo(x, matvec(layer.w2, mixed));
    }
    return matvec(this.#embedding, norm(x, this.#finalNorm));
  }

  #attend(q: Float32Array, keys: Float32Array[], values: Float32Array[]): Float32Array {
    const headSize = this.#headSize;
    const [nHead, nKvHead] = [this.#nHead, this.#nKvHead];
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
