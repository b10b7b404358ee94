/** Tensors as they pass between scripts: dtype, dimensions and a typed array, row-major. */
import type { ONNX_IO_DTYPES } from '../../engine/manifest/onnx.ts';

export type IoDtype = (typeof ONNX_IO_DTYPES)[number];

export type TensorArray =
  | Float32Array
  | Float64Array
  | Uint8Array
  | Int8Array
  | Uint16Array
  | Int16Array
  | Int32Array
  | Uint32Array
  | BigInt64Array
  | BigUint64Array;

export interface OnnxTensorData {
  readonly dtype: IoDtype;
  readonly dims: readonly number[];
  readonly data: TensorArray;
}

export type OnnxTensors = Readonly<Record<string, OnnxTensorData>>;

/** Typed arrays by dtype; a bool is a byte. */
export const TENSOR_ARRAYS = {
  float32: Float32Array,
  float64: Float64Array,
  uint8: Uint8Array,
  int8: Int8Array,
  uint16: Uint16Array,
  int16: Int16Array,
  int32: Int32Array,
  uint32: Uint32Array,
  int64: BigInt64Array,
  uint64: BigUint64Array,
  bool: Uint8Array,
} as const satisfies Record<IoDtype, unknown>;

export function float32Tensor(data: Float32Array, dims: readonly number[]): OnnxTensorData {
  return { dtype: 'float32', dims, data };
}

export function int64Tensor(values: readonly number[], dims: readonly number[]): OnnxTensorData {
  return { dtype: 'int64', dims, data: BigInt64Array.from(values, BigInt) };
}

/** The float32 output of this name. @throws {TypeError} when the graph gave something else. */
export function float32Of(tensors: OnnxTensors, name: string): Float32Array {
  const data = tensors[name]?.data;
  if (!(data instanceof Float32Array))
    throw new TypeError(`output ${name} is not a float32 tensor`);
  return data;
}
