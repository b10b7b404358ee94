/**
 * Source types to f32: one row a type. Knows bytes of a tensor, not where they came from.
 */
import { SOURCE_DTYPES } from '../formats/source-dtypes.ts';
import type { SourceDtype } from '../formats/source-dtypes.ts';
import {
  partIq1S,
  partIq2Xxs,
  partIq3S,
  partIq3Xxs,
  readIq1M,
  readIq2S,
  readIq2Xs,
} from './grid-blocks.ts';
import {
  partIq4Xs,
  partMxfp4,
  partQ1_0,
  partQ2_0,
  partTq1_0,
  partTq2_0,
  readParts,
} from './integer-parts.ts';
import { readQ2K, readQ3K, readQ4K, readQ5K, readQ6K } from './k-blocks.ts';
import {
  readBf16,
  readF16,
  readF32,
  readIq4Nl,
  readQ4_0,
  readQ4_1,
  readQ5_0,
  readQ5_1,
  readQ8_0,
} from './simple-blocks.ts';
import type { BlockReader } from './simple-blocks.ts';

const BLOCK_READERS: Record<SourceDtype, BlockReader> = {
  F32: readF32,
  F16: readF16,
  BF16: readBf16,
  Q4_0: readQ4_0,
  Q4_1: readQ4_1,
  Q5_0: readQ5_0,
  Q5_1: readQ5_1,
  Q8_0: readQ8_0,
  IQ4_NL: readIq4Nl,
  Q2_K: readQ2K,
  Q3_K: readQ3K,
  Q4_K: readQ4K,
  Q5_K: readQ5K,
  Q6_K: readQ6K,
  IQ1_S: readParts(256, partIq1S),
  IQ1_M: readIq1M,
  IQ2_XXS: readParts(256, partIq2Xxs),
  IQ2_XS: readIq2Xs,
  IQ2_S: readIq2S,
  IQ3_XXS: readParts(256, partIq3Xxs),
  IQ3_S: readParts(256, partIq3S),
  IQ4_XS: readParts(256, partIq4Xs),
  TQ1_0: readParts(256, partTq1_0),
  TQ2_0: readParts(256, partTq2_0),
  MXFP4: readParts(32, partMxfp4),
  Q1_0: readParts(128, partQ1_0),
  Q2_0: readParts(64, partQ2_0),
};

/** The values of whole blocks of `dtype`, in order. */
export function dequantize(dtype: SourceDtype, bytes: Uint8Array): Float32Array {
  const { blockBytes, blockElements } = SOURCE_DTYPES[dtype];
  const nBlock = Math.floor(bytes.byteLength / blockBytes);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const out = new Float32Array(nBlock * blockElements);
  const read = BLOCK_READERS[dtype];
  for (let block = 0; block < nBlock; block++)
    read(view, block * blockBytes, out, block * blockElements);
  return out;
}
