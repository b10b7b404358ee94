/** First weights: normal values whose width keeps signals as large from layer to layer (GPT-2's scheme). */
import type { DecoderShape } from './decoder.ts';
import { EYES, N_CONSTANT } from './eyes.ts';
import { nValue, type Tensor } from './tensor.ts';

const WIDTH = 0.02;

/** @param seed same seed, same weights */
export function* initWeights(
  weights: readonly Tensor[],
  { nLayer }: Pick<DecoderShape, 'nLayer'>,
  seed: number,
): Generator<{ readonly tensor: Tensor; readonly values: Float32Array }, void, void> {
  const normal = normals(seed);
  for (const tensor of weights) {
    const values = new Float32Array(nValue(tensor));
    if (tensor.nRow === 1) values.fill(1);
    else {
      // What is added to the residual stream, twice a layer, must not make it grow with depth.
      const isAdded = /(?:o_proj|down_proj)\.weight$/.test(tensor.name);
      // Vectors of many values must not begin larger than tokens.
      const isProjector = /^projectors\..*\.linear\.weight$/.test(tensor.name);
      const narrowed = isProjector ? tensor.nCol : isAdded ? 2 * nLayer : 1;
      const width = WIDTH / Math.sqrt(narrowed);
      for (let i = 0; i < values.length; i++) values[i] = width * normal();
    }
    yield { tensor, values };
  }
}

/**
 * First weights of eyes that know nothing yet: maps as wide as 1 / sqrt(nIn), a gain that makes rows as large as those of
 * tokens.
 * @param gain root of the mean square of the embedding's values
 */
export function* initEyes(
  weights: readonly Tensor[],
  seed: number,
  gain: number,
): Generator<{ readonly tensor: Tensor; readonly values: Float32Array }, void, void> {
  const normal = normals(seed);
  for (const tensor of weights) {
    const values = new Float32Array(nValue(tensor));
    if (tensor.name === EYES.gain) values.fill(gain);
    else if (tensor.name !== EYES.positions) {
      const width = 1 / Math.sqrt(tensor.nCol);
      for (let i = 0; i < values.length; i++) values[i] = width * normal();
    }
    if (tensor.name === EYES.hidden) clearConstants(values, tensor.nCol);
    yield { tensor, values };
  }
}

/** What the constants of a vector are multiplied with begins at 0. */
function clearConstants(values: Float32Array, nCol: number): void {
  for (let end = nCol; end <= values.length; end += nCol) values.fill(0, end - N_CONSTANT, end);
}

/**
 * First weights of an adapter: A as PEFT makes it (uniform, as wide as 1 / sqrt(nIn)), B zero, so that it begins as no
 * change.
 */
export function* initAdapter(
  weights: readonly Tensor[],
  seed: number,
): Generator<{ readonly tensor: Tensor; readonly values: Float32Array }, void, void> {
  const uniform = uniforms(seed);
  for (const tensor of weights) {
    const values = new Float32Array(nValue(tensor));
    const width = tensor.name.endsWith('lora_A.weight') ? 1 / Math.sqrt(tensor.nCol) : 0;
    if (width > 0) for (let i = 0; i < values.length; i++) values[i] = width * (2 * uniform() - 1);
    yield { tensor, values };
  }
}

/** Values from 0 to below 1 from a counter-based generator (splitmix32). */
function uniforms(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x9e3779b9) >>> 0;
    let z = state;
    z = Math.imul(z ^ (z >>> 16), 0x21f0aaad);
    z = Math.imul(z ^ (z >>> 15), 0x735a2d97);
    return ((z ^ (z >>> 15)) >>> 0) / 2 ** 32;
  };
}

/** Box and Muller's normal values. */
function normals(seed: number): () => number {
  const uniform = uniforms(seed);
  let spare: number | null = null;
  return () => {
    if (spare !== null) {
      const kept = spare;
      spare = null;
      return kept;
    }
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    const angle = 2 * Math.PI * uniform();
    spare = radius * Math.sin(angle);
    return radius * Math.cos(angle);
  };
}
