/**
 * The element types tensors have in model files, as rows: how many elements a block holds and how
 * many bytes it takes. What the bytes mean is in engine/quant/dequantize.ts.
 * Numbers and names as in ggml.h (`enum ggml_type`); safetensors' F32, F16 and BF16 share the rows.
 */
import { EngineError } from '../base/errors.ts';

export interface SourceDtypeRow {
  /** The number GGUF files name the type by. */
  readonly ggmlId: number;
  readonly blockElements: number;
  readonly blockBytes: number;
  /** Bits of one quantized number, without its share of scales. */
  readonly bits: number;
}

function row(
  ggmlId: number,
  blockElements: number,
  blockBytes: number,
  bits: number,
): SourceDtypeRow {
  return { ggmlId, blockElements, blockBytes, bits };
}

export const SOURCE_DTYPES = {
  F32: row(0, 1, 4, 32),
  F16: row(1, 1, 2, 16),
  BF16: row(30, 1, 2, 16),
  Q4_0: row(2, 32, 18, 4),
  Q4_1: row(3, 32, 20, 4),
  Q5_0: row(6, 32, 22, 5),
  Q5_1: row(7, 32, 24, 5),
  Q8_0: row(8, 32, 34, 8),
  IQ4_NL: row(20, 32, 18, 4),
  Q2_K: row(10, 256, 84, 2),
  Q3_K: row(11, 256, 110, 3),
  Q4_K: row(12, 256, 144, 4),
  Q5_K: row(13, 256, 176, 5),
  Q6_K: row(14, 256, 210, 6),
  IQ1_S: row(19, 256, 50, 1),
  IQ1_M: row(29, 256, 56, 1),
  IQ2_XXS: row(16, 256, 66, 2),
  IQ2_XS: row(17, 256, 74, 2),
  IQ2_S: row(22, 256, 82, 2),
  IQ3_XXS: row(18, 256, 98, 3),
  IQ3_S: row(21, 256, 110, 3),
  IQ4_XS: row(23, 256, 136, 4),
  TQ1_0: row(34, 256, 54, 2),
  TQ2_0: row(35, 256, 66, 2),
  MXFP4: row(39, 32, 17, 4),
  Q1_0: row(41, 128, 18, 1),
  Q2_0: row(42, 64, 18, 2),
} as const satisfies Record<string, SourceDtypeRow>;

export type SourceDtype = keyof typeof SOURCE_DTYPES;
export const SOURCE_DTYPE_NAMES = Object.keys(SOURCE_DTYPES) as SourceDtype[];

/** Types GGUF knows and we do not, so that a refusal can name them. */
const OTHER_GGML_NAMES: Readonly<Record<number, string>> = {
  9: 'Q8_1',
  15: 'Q8_K',
  24: 'I8',
  25: 'I16',
  26: 'I32',
  27: 'I64',
  28: 'F64',
  40: 'NVFP4',
};

/** @throws {EngineError} E_DTYPE_UNSUPPORTED naming the tensor, its type and the supported ones. */
export function sourceDtypeByGgmlId(ggmlId: number, where: string): SourceDtype {
  const name = SOURCE_DTYPE_NAMES.find((dtype) => SOURCE_DTYPES[dtype].ggmlId === ggmlId);
  if (name !== undefined) return name;
  const other = OTHER_GGML_NAMES[ggmlId];
  const shown = other === undefined ? `number ${ggmlId}` : `${other} (number ${ggmlId})`;
  throw unsupportedDtype(shown, where, SOURCE_DTYPE_NAMES);
}

export function unsupportedDtype(
  dtype: string,
  where: string,
  supported: readonly string[],
): EngineError {
  return new EngineError(
    'E_DTYPE_UNSUPPORTED',
    `${where}: element type ${dtype} is not supported; expected one of ${supported.join(', ')}. ` +
      'Use a file of the same model in one of these types.',
    { details: { dtype, supported } },
  );
}

/** Bytes of `elements` values in rows that are whole numbers of blocks. */
export function sourceBytes(dtype: SourceDtype, elements: number): number {
  const { blockElements, blockBytes } = SOURCE_DTYPES[dtype];
  return (elements / blockElements) * blockBytes;
}
