/**
 * Geometry of key/value pages: how many bytes, and where a layer's section starts.
 * A page holds PAGE_TOKENS tokens of one sequence for all layers. Its parts lie apart, those of all pages
 * for a layer together; in a layer's part sections of one key/value head follow each other (byte layout:
 * engine/kernels/wasm/assembly/kv-write.ts).
 */
import { roundUp } from '../base/dtypes.ts';
import { EngineError } from '../base/errors.ts';

export const PAGE_TOKENS = 32;
/** Wider heads could overflow the 32-bit sums of attention (engine/kernels/wasm/assembly/attend.ts). */
export const MAX_HEAD_DIM = 1024;

export const KV_DTYPES = {
  /** int8 with one f32 scale per token, head and side (key or value). */
  q8: { elementBytes: 1, scaleBytes: 4 },
  f16: { elementBytes: 2, scaleBytes: 0 },
} as const;
export type KvDtype = keyof typeof KV_DTYPES;

export interface KvGeometry {
  readonly dtype: KvDtype;
  readonly dimPad: number;
  /** One layer, one head. */
  readonly sectionBytes: number;
  readonly layerBytes: number;
  readonly pageBytes: number;
}

/** @throws {EngineError} E_TENSOR_SHAPE for heads wider than the kernels take. */
export function kvGeometry(
  dtype: KvDtype,
  shape: { nLayer: number; nKvHead: number; headDim: number },
): KvGeometry {
  if (shape.headDim > MAX_HEAD_DIM) {
    throw new EngineError(
      'E_TENSOR_SHAPE',
      `kv cache: headDim; the attention kernels take at most ${MAX_HEAD_DIM}, got ${shape.headDim}. ` +
        'Use a model with narrower heads.',
    );
  }
  const { elementBytes, scaleBytes } = KV_DTYPES[dtype];
  const dimPad = roundUp(shape.headDim, 16);
  const sectionBytes = 2 * PAGE_TOKENS * (dimPad * elementBytes + scaleBytes);
  const layerBytes = shape.nKvHead * sectionBytes;
  return { dtype, dimPad, sectionBytes, layerBytes, pageBytes: shape.nLayer * layerBytes };
}

/** Bytes one call of an attention kernel works in: a state, weighted values and the packed query per head. */
export function attendScratchBytes({ dimPad }: KvGeometry, nHead: number): number {
  return nHead * (16 + dimPad * 8);
}

/** Keys of a block of dense attention (engine/kernels/wasm/assembly/attend-dense.ts). */
const DENSE_BLOCK_KEYS = 128;
const DENSE_TILE_QUERIES = 8;

/** Bytes one call of dense attention works in: a block's keys, values and scores, a tile's queries, sums. */
export function denseScratchBytes(nQuery: number, headDim: number): number {
  const block = DENSE_BLOCK_KEYS * (2 * headDim + DENSE_TILE_QUERIES);
  const tile = DENSE_TILE_QUERIES * (headDim + 1);
  return 4 * (block + tile + 2 * roundUp(nQuery, DENSE_TILE_QUERIES));
}

export function pagesFor(nTokens: number): number {
  return Math.ceil(nTokens / PAGE_TOKENS);
}
