/** An ONNX model as data (github.com/onnx/onnx, onnx.proto3), reduced to what is used here. */

export interface OnnxDtypeRow {
  /** TensorProto.DataType. */
  readonly code: number;
  readonly bytes: number;
  /** Whether tensors of this type may be sent as JSON. */
  readonly isPublic: boolean;
}

const row = (code: number, bytes: number, isPublic: boolean): OnnxDtypeRow => ({
  code,
  bytes,
  isPublic,
});

/** Names as onnxruntime has them. */
export const ONNX_DTYPES = {
  float32: row(1, 4, true),
  uint8: row(2, 1, true),
  int8: row(3, 1, true),
  uint16: row(4, 2, true),
  int16: row(5, 2, true),
  int32: row(6, 4, true),
  int64: row(7, 8, true),
  bool: row(9, 1, true),
  float16: row(10, 2, false),
  float64: row(11, 8, true),
  uint32: row(12, 4, true),
  uint64: row(13, 8, true),
  bfloat16: row(16, 2, false),
} as const satisfies Record<string, OnnxDtypeRow>;

export type OnnxDtype = keyof typeof ONNX_DTYPES;

export const ONNX_DTYPE_NAMES = Object.keys(ONNX_DTYPES) as OnnxDtype[];

export function dtypeOfCode(code: number): OnnxDtype | null {
  return ONNX_DTYPE_NAMES.find((name) => ONNX_DTYPES[name].code === code) ?? null;
}

/** Where the bytes of an initializer are: inline, or in another file. */
export type TensorPlace =
  | { readonly kind: 'inline'; readonly bytes: Uint8Array }
  | {
      readonly kind: 'external';
      readonly location: string;
      readonly offset: number;
      readonly length: number;
    };

export interface OnnxTensor {
  readonly name: string;
  readonly dtype: OnnxDtype;
  readonly dims: readonly number[];
  readonly place: TensorPlace;
}

export interface OnnxAttribute {
  readonly name: string;
  /** The whole AttributeProto, carried over as it is. */
  readonly raw: Uint8Array;
  /** Subgraphs of If, Loop and Scan, for checks and for what they use from outside. */
  readonly graphs: readonly OnnxGraph[];
}

export interface OnnxNode {
  readonly name: string;
  readonly opType: string;
  readonly domain: string;
  /** '' stands for an optional input that is not given. */
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes: readonly OnnxAttribute[];
}

/** A dimension: a number, a name, or null when it is not stated. */
export type OnnxDim = number | string | null;

export interface OnnxValue {
  readonly name: string;
  /** Null for values that are not tensors, or of an unknown type. */
  readonly dtype: OnnxDtype | null;
  /** Null when not even the rank is stated. */
  readonly dims: readonly OnnxDim[] | null;
}

export interface OnnxGraph {
  readonly name: string;
  readonly nodes: readonly OnnxNode[];
  readonly initializers: readonly OnnxTensor[];
  readonly inputs: readonly OnnxValue[];
  readonly outputs: readonly OnnxValue[];
  readonly values: readonly OnnxValue[];
}

export interface OnnxModel {
  readonly irVersion: number;
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  readonly graph: OnnxGraph;
}
