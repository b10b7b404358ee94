/** Bidirectional layers against float64 ones: both orders of norms, several sequences, more rows than a slice. */
import { describe, expect, it } from 'vitest';
import { denseScratchBytes } from '../../engine/cache/geometry.ts';
import { EncoderLayers, SLICE_ROWS } from '../../engine/model/encoder/layers.ts';
import type { EncoderRegions, EncoderShape } from '../../engine/model/encoder/layers.ts';
import type { WeightMap } from '../../engine/model/memory/layer-weights.ts';
import { rowStride } from '../../engine/model/memory/layout.ts';
import { Ops, panelBytes } from '../../engine/ops/ops.ts';
import { weightRef } from '../../engine/ops/weights.ts';
import type { WeightRef } from '../../engine/ops/weights.ts';
import { packBlocks, packFloats } from '../../engine/quant/layouts.ts';
import { quantizeMatrix } from '../../engine/quant/quantize.ts';
import { encoderReference } from '../support/encoder-reference.ts';
import type { PlainLayer } from '../support/encoder-reference.ts';
import { Scratch } from '../support/kernels.ts';
import { randomValues } from '../support/random.ts';

const N_LAYER = 2;

/** Without extremes, beside which the rest of a block of 8-bit activations has few steps. */
function tameValues(length: number, seed: number, scale = 1): Float32Array {
  return randomValues(length, seed).map((x) => Math.min(1.5, Math.max(-1.5, x)) * scale);
}

function plainLayers({ nEmbd, nFf }: EncoderShape): PlainLayer[] {
  let seed = 1;
  const linear = (nRow: number, nCol: number, hasBias = true) => ({
    weight: tameValues(nRow * nCol, seed++, 1 / Math.sqrt(nCol)),
    bias: hasBias ? tameValues(nRow, seed++, 0.3) : null,
    nRow,
  });
  const norm = () => ({
    weight: tameValues(nEmbd, seed++, 0.2).map((x) => 1 + x),
    bias: tameValues(nEmbd, seed++, 0.2),
  });
  return Array.from({ length: N_LAYER }, () => ({
    attnNorm: norm(),
    ffnNorm: norm(),
    linears: {
      q: linear(nEmbd, nEmbd),
      k: linear(nEmbd, nEmbd, false),
      v: linear(nEmbd, nEmbd),
      o: linear(nEmbd, nEmbd),
      up: linear(nFf, nEmbd),
      down: linear(nEmbd, nFf),
    },
  }));
}

/** Under the names the layers look for. */
function placeLayers(s: Scratch, layers: readonly PlainLayer[], dtype: 'f32' | 'q8'): WeightMap {
  const weights = new Map<string, WeightRef>();
  const put = (
    name: string,
    nRow: number,
    nCol: number,
    values: Float32Array,
    as: typeof dtype,
  ) => {
    const bytes =
      as === 'f32'
        ? packFloats('f32', nRow, nCol, values)
        : packBlocks(as, quantizeMatrix(as, nRow, nCol, values)).bytes;
    weights.set(name, weightRef(as, nRow, nCol, s.put(bytes)));
  };
  const vector = (name: string, values: Float32Array) => put(name, 1, values.length, values, 'f32');
  for (const [i, { attnNorm, ffnNorm, linears }] of layers.entries()) {
    for (const [name, { weight, bias }] of Object.entries({ attnNorm, ffnNorm })) {
      vector(`layers.${i}.${name}`, weight);
      vector(`layers.${i}.${name}Bias`, bias);
    }
    for (const [name, { weight, bias, nRow }] of Object.entries(linears)) {
      put(`layers.${i}.${name}Proj`, nRow, weight.length / nRow, weight, dtype);
      if (bias !== null) vector(`layers.${i}.${name}Bias`, bias);
    }
  }
  return weights;
}

interface Case {
  readonly shape: EncoderShape;
  readonly lengths: readonly number[];
  readonly dtype?: 'f32' | 'q8';
}

function cosine(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [ab, aa, bb] = [0, 0, 0];
  for (let i = 0; i < a.length; i++) {
    ab += a[i]! * b[i]!;
    aa += a[i]! * a[i]!;
    bb += b[i]! * b[i]!;
  }
  return ab / Math.sqrt(aa * bb);
}

/** Cosine and largest difference of what the layers give beside the reference. */
async function compare({ shape, lengths, dtype = 'f32' }: Case) {
  const s = await Scratch.create('relaxed', 16 << 20);
  s.reset();
  // What stands in memory before must not matter, but behind the last value of a row stand zeros.
  s.f32(s.reserve(0), 3 << 20).fill(1e3);
  const plain = plainLayers(shape);
  const weights = placeLayers(s, plain, dtype);
  const nRow = lengths.reduce((sum, n) => sum + n, 0);
  const { nEmbd, nHead, nFf } = shape;
  const stride = rowStride(nEmbd);
  const rows = (n: number, width: number) => s.putF32(new Float32Array(n * rowStride(width)));
  const regions: EncoderRegions = {
    hidden: rows(nRow, nEmbd),
    queries: rows(nRow, nEmbd),
    keys: rows(nRow, nEmbd),
    values: rows(nRow, nEmbd),
    attended: rows(nRow, nEmbd),
    scratch: s.reserve(denseScratchBytes(nRow, nEmbd / nHead)),
    slice: rows(SLICE_ROWS, nEmbd),
    slicePanels: s.reserve(panelBytes(SLICE_ROWS, nEmbd)),
    wide: rows(SLICE_ROWS, nFf),
    widePanels: s.reserve(panelBytes(SLICE_ROWS, nFf)),
  };
  const encoder = new EncoderLayers(new Ops(s.kernels), shape, regions, weights, 'layers.');
  const { hidden } = regions;
  const input = Array.from({ length: nRow }, (_, t) => tameValues(shape.nEmbd, 1000 + t));
  for (const [t, row] of input.entries()) s.f32(hidden + t * stride * 4, shape.nEmbd).set(row);
  let from = 0;
  const spans = lengths.map((n) => ({ from: (from += n) - n, n }));
  expect([...encoder.run(spans, nRow)]).toHaveLength(N_LAYER);
  let [worst, lowestCosine] = [0, 1];
  for (const { from: first, n } of spans) {
    const rows = input.slice(first, first + n).map((row) => Float64Array.from(row));
    for (const [t, want] of encoderReference(shape, plain, rows).entries()) {
      const got = s.f32(hidden + (first + t) * stride * 4, shape.nEmbd);
      for (const [i, x] of want.entries()) worst = Math.max(worst, Math.abs(got[i]! - x));
      lowestCosine = Math.min(lowestCosine, cosine(got, want));
    }
  }
  return { worst, lowestCosine };
}

const SMALL = { nLayer: N_LAYER, nEmbd: 48, nHead: 4, nFf: 100, normEps: 1e-12 } as const;

describe('EncoderLayers', () => {
  for (const normed of ['before', 'after'] as const)
    it(`norms ${normed} each half: one sequence, several, more than a slice`, async () => {
      const shape = { ...SMALL, normed };
      expect((await compare({ shape, lengths: [1] })).worst).toBeLessThan(2e-5);
      expect((await compare({ shape, lengths: [5, 3, 1] })).worst).toBeLessThan(2e-5);
      expect((await compare({ shape, lengths: [7, 13, 2, 70, 41] })).worst).toBeLessThan(2e-5);
    });

  it('8-bit weights stay near', async () => {
    const widths = { nEmbd: 64, nHead: 2, nFf: 96, normEps: 1e-12 };
    const shape = { nLayer: N_LAYER, ...widths, normed: 'after' } as const;
    const { worst, lowestCosine } = await compare({ shape, lengths: [9, 5], dtype: 'q8' });
    expect(worst).toBeGreaterThan(1e-4);
    expect(lowestCosine).toBeGreaterThan(0.998);
  });
});
