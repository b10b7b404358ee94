/** Rotary positions: frequencies with their scalings, and the angle table of a chunk. arXiv 2104.09864. */
import type { RopeScaling } from '../manifest/manifest.ts';

/**
 * Inverse wavelength of each rotating pair, [ropeDim / 2], and the factor on all rotated values.
 * @param nCtx positions that will be served: decides between factors for short and long contexts
 */
export function ropeFrequencies(
  ropeDim: number,
  theta: number,
  scaling: RopeScaling,
  nCtx = 0,
): { frequencies: Float64Array; magnitude: number } {
  const frequencies = Float64Array.from(
    { length: ropeDim / 2 },
    (_, i) => theta ** (-(2 * i) / ropeDim),
  );
  return SCALINGS[scaling.kind](frequencies, scaling as never, { ropeDim, theta, nCtx });
}

interface RopeShape {
  ropeDim: number;
  theta: number;
  nCtx: number;
}
type Scaled = { frequencies: Float64Array; magnitude: number };
type ScalingOf<K extends RopeScaling['kind']> = Extract<RopeScaling, { kind: K }>;

const SCALINGS: {
  [K in RopeScaling['kind']]: (f: Float64Array, s: ScalingOf<K>, shape: RopeShape) => Scaled;
} = {
  none: (frequencies) => ({ frequencies, magnitude: 1 }),
  linear: (f, { factor }) => ({ frequencies: f.map((x) => x / factor), magnitude: 1 }),
  factors: (f, { factors }) => ({
    frequencies: f.map((x, i) => x / (factors[i] ?? 1)),
    magnitude: 1,
  }),
  // LongRoPE: other divisors once more positions are served than the model was first trained for.
  longrope: (f, { short, long, originalCtx, attnFactor }, { nCtx }) => {
    const factors = nCtx > originalCtx ? long : short;
    return { frequencies: f.map((x, i) => x / (factors[i] ?? 1)), magnitude: attnFactor };
  },
  // Llama 3.1: long wavelengths divided by `factor`, short ones kept, a linear blend between.
  llama3: (f, { factor, lowFreqFactor, highFreqFactor, originalCtx }) => ({
    frequencies: f.map((x) => {
      const turns = (originalCtx * x) / (2 * Math.PI);
      if (turns < lowFreqFactor) return x / factor;
      if (turns > highFreqFactor) return x;
      const smooth = (turns - lowFreqFactor) / (highFreqFactor - lowFreqFactor);
      return ((1 - smooth) * x) / factor + smooth * x;
    }),
    magnitude: 1,
  }),
  // YaRN, arXiv 2309.00071: a ramp between interpolated and kept, over the index of the pair.
  yarn: (f, { factor, originalCtx, betaFast, betaSlow, attnFactor }, { ropeDim, theta }) => {
    const index = (turns: number) =>
      (ropeDim * Math.log(originalCtx / (turns * 2 * Math.PI))) / (2 * Math.log(theta));
    const low = Math.max(0, Math.floor(index(betaFast)));
    const high = Math.min(ropeDim - 1, Math.ceil(index(betaSlow)));
    const frequencies = f.map((x, i) => {
      const ramp = Math.min(1, Math.max(0, (i - low) / Math.max(0.001, high - low)));
      return (x / factor) * ramp + x * (1 - ramp);
    });
    return { frequencies, magnitude: attnFactor };
  },
};

/** Fills `table` [nTok][ropeDim/2][cos, sin] for positions position .. position + nTok - 1. */
export function fillRopeTable(
  table: Float32Array,
  { frequencies, magnitude }: Scaled,
  position: number,
  nTok: number,
): void {
  let at = 0;
  for (let t = 0; t < nTok; t++) {
    for (const frequency of frequencies) {
      const angle = (position + t) * frequency;
      table[at++] = Math.cos(angle) * magnitude;
      table[at++] = Math.sin(angle) * magnitude;
    }
  }
}
