/**
 * Tensors as JSON: `{dtype, shape, data}`, where data is a flat array (row-major) or base64 of
 * little-endian bytes. 64-bit integers may be numbers or strings; NaN and the infinities are strings.
 */
import { z } from 'zod';
import { invalidField } from '../../platform/invalid-field.ts';
import { fromBase64, toBase64 } from '../../../engine/base/base64.ts';
import { ONNX_IO_DTYPES } from '../../../engine/manifest/onnx.ts';
import { TENSOR_ARRAYS } from '../../onnx/tensors.ts';
import type { IoDtype, OnnxTensorData, OnnxTensors, TensorArray } from '../../onnx/tensors.ts';

const MAX_INPUTS = 64;

export const jsonTensorSchema = z.strictObject({
  dtype: z.enum(ONNX_IO_DTYPES),
  shape: z.array(z.number().int().nonnegative()).max(8),
  data: z
    .union([z.array(z.unknown()), z.string()])
    .describe('a flat array, row-major, or base64 of little-endian bytes'),
});
export type JsonTensor = z.output<typeof jsonTensorSchema>;

export const jsonTensorsSchema = z
  .record(z.string().min(1).max(512), jsonTensorSchema)
  .refine(
    (inputs) => Object.keys(inputs).length <= MAX_INPUTS,
    `expected at most ${MAX_INPUTS} inputs`,
  );

export const ENCODINGS = ['json', 'base64'] as const;
export type TensorEncoding = (typeof ENCODINGS)[number];

/** @throws {EngineError} E_REQUEST_INVALID naming the input and the first invalid value. */
export function tensorsFromJson(inputs: Readonly<Record<string, JsonTensor>>): OnnxTensors {
  return Object.fromEntries(
    Object.entries(inputs).map(([name, { dtype, shape, data }]): [string, OnnxTensorData] => [
      name,
      { dtype, dims: shape, data: arrayOf(`inputs.${name}.data`, dtype, data) },
    ]),
  );
}

function arrayOf(param: string, dtype: IoDtype, data: JsonTensor['data']): TensorArray {
  const TypedArray = TENSOR_ARRAYS[dtype];
  if (typeof data === 'string') {
    const bytes = fromBase64(data);
    const size = TypedArray.BYTES_PER_ELEMENT;
    if (bytes === null) throw invalidField(param, `expected base64, got ${show(data)}`);
    if (bytes.length % size !== 0)
      throw invalidField(
        param,
        `expected whole values of ${size} bytes, got ${bytes.length} bytes`,
      );
    return new TypedArray(bytes.buffer);
  }
  const out = new TypedArray(data.length);
  const read = READERS[dtype];
  for (let i = 0; i < data.length; i++) {
    const value = read(data[i]);
    if (value === null)
      throw invalidField(
        `${param}[${i}]`,
        `expected ${EXPECTED[dtype] ?? dtype}, got ${show(data[i])}`,
      );
    out[i] = value;
  }
  return out;
}

type Read = (value: unknown) => number | bigint | null;

const FLOAT_TEXTS: ReadonlyMap<unknown, number> = new Map([
  ['NaN', NaN],
  ['Infinity', Infinity],
  ['-Infinity', -Infinity],
]);

const float: Read = (value) =>
  typeof value === 'number' ? value : (FLOAT_TEXTS.get(value) ?? null);

function integer(bits: number, isSigned: boolean): Read {
  const [min, max] = isSigned ? [-(2 ** (bits - 1)), 2 ** (bits - 1) - 1] : [0, 2 ** bits - 1];
  return (value) =>
    typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max
      ? value
      : null;
}

function wideInteger(isSigned: boolean): Read {
  const [min, max] = isSigned ? [-(2n ** 63n), 2n ** 63n - 1n] : [0n, 2n ** 64n - 1n];
  return (value) => {
    const isExact = Number.isSafeInteger(value);
    const isText = typeof value === 'string' && /^-?\d{1,20}$/.test(value);
    if (!isExact && !isText) return null;
    const wide = BigInt(value as number | string);
    return wide >= min && wide <= max ? wide : null;
  };
}

const READERS: Readonly<Record<IoDtype, Read>> = {
  float32: float,
  float64: float,
  uint8: integer(8, false),
  int8: integer(8, true),
  uint16: integer(16, false),
  int16: integer(16, true),
  int32: integer(32, true),
  uint32: integer(32, false),
  int64: wideInteger(true),
  uint64: wideInteger(false),
  bool: (value) => {
    if (typeof value === 'boolean') return Number(value);
    return value === 0 || value === 1 ? value : null;
  },
};

const EXPECTED: Partial<Readonly<Record<IoDtype, string>>> = {
  float32: 'a number, or "NaN", "Infinity", "-Infinity"',
  float64: 'a number, or "NaN", "Infinity", "-Infinity"',
  int64: 'a 64-bit whole number, as a string beyond 2^53',
  uint64: 'a 64-bit whole number, as a string beyond 2^53',
  bool: 'true or false',
};

export function tensorsToJson(
  outputs: OnnxTensors,
  encoding: TensorEncoding,
): Record<string, JsonTensor> {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { dtype, dims, data }]): [string, JsonTensor] => [
      name,
      { dtype, shape: [...dims], data: encoding === 'json' ? values(dtype, data) : bytesOf(data) },
    ]),
  );
}

function bytesOf({ buffer, byteOffset, byteLength }: TensorArray): string {
  return toBase64(new Uint8Array(buffer, byteOffset, byteLength));
}

function values(dtype: IoDtype, data: TensorArray): unknown[] {
  if (data instanceof BigInt64Array || data instanceof BigUint64Array)
    return Array.from(data as BigInt64Array, (value) =>
      Number.isSafeInteger(Number(value)) ? Number(value) : String(value),
    );
  if (dtype === 'bool') return Array.from(data as Uint8Array, (value) => value !== 0);
  return Array.from(data as Float32Array, (value) =>
    Number.isFinite(value) ? value : String(value),
  );
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? 'nothing').slice(0, 40);
}
