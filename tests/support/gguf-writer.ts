/** Writes small GGUF files for tests, right ones and wrong ones. */
import { SOURCE_DTYPES } from '../../engine/formats/source-dtypes.ts';
import type { SourceDtype } from '../../engine/formats/source-dtypes.ts';
import { ByteWriter } from './byte-writer.ts';

/** Value types by the format's own numbers. */
const SCALARS = {
  u8: [0, 1, (v, x) => v.setUint8(0, Number(x))],
  i8: [1, 1, (v, x) => v.setInt8(0, Number(x))],
  u16: [2, 2, (v, x) => v.setUint16(0, Number(x), true)],
  i16: [3, 2, (v, x) => v.setInt16(0, Number(x), true)],
  u32: [4, 4, (v, x) => v.setUint32(0, Number(x), true)],
  i32: [5, 4, (v, x) => v.setInt32(0, Number(x), true)],
  f32: [6, 4, (v, x) => v.setFloat32(0, Number(x), true)],
  bool: [7, 1, (v, x) => v.setUint8(0, x ? 1 : 0)],
  u64: [10, 8, (v, x) => v.setBigUint64(0, BigInt(x), true)],
  i64: [11, 8, (v, x) => v.setBigInt64(0, BigInt(x), true)],
  f64: [12, 8, (v, x) => v.setFloat64(0, Number(x), true)],
} as const satisfies Record<
  string,
  readonly [id: number, bytes: number, put: (view: DataView, x: number | bigint | boolean) => void]
>;
type ScalarName = keyof typeof SCALARS;
export type WrittenValue =
  | readonly [ScalarName, number | bigint | boolean]
  | readonly ['string', string]
  | readonly ['array', ScalarName, readonly (number | bigint | boolean)[]]
  | readonly ['strings', readonly string[]]
  | readonly ['arrays', readonly (readonly number[])[]];

export interface WrittenTensor {
  readonly name: string;
  /** Row-major, slowest first. */
  readonly dims: readonly (number | bigint)[];
  readonly dtype: SourceDtype | number;
  readonly data: Uint8Array;
  /** Instead of the right one. */
  readonly offset?: number | bigint;
}
export interface WrittenGguf {
  readonly version?: number;
  readonly metadata: Readonly<Record<string, WrittenValue>>;
  readonly tensors: readonly WrittenTensor[];
  /** Instead of the right counts. */
  readonly nTensor?: bigint;
  readonly nKey?: bigint;
}

export function writeGguf({
  version = 3,
  metadata,
  tensors,
  nTensor,
  nKey,
}: WrittenGguf): Uint8Array {
  const alignmentValue = metadata['general.alignment']?.[1];
  const alignment = typeof alignmentValue === 'number' ? alignmentValue : 32;
  const out = new ByteWriter().text('GGUF').u32(version);
  const keys = Object.entries(metadata);
  out.u64(nTensor ?? tensors.length).u64(nKey ?? keys.length);
  for (const [key, value] of keys) writeValue(writeString(out, key), value);
  const data = new ByteWriter();
  for (const tensor of tensors) {
    data.align(alignment);
    writeString(out, tensor.name).u32(tensor.dims.length);
    for (const dim of [...tensor.dims].reverse()) out.u64(dim);
    const { dtype } = tensor;
    out.u32(typeof dtype === 'number' ? dtype : SOURCE_DTYPES[dtype].ggmlId);
    out.u64(tensor.offset ?? data.bytes);
    data.raw(tensor.data);
  }
  return out.align(alignment).raw(data.done()).done();
}

function writeString(out: ByteWriter, text: string): ByteWriter {
  const bytes = new TextEncoder().encode(text);
  return out.u64(bytes.byteLength).raw(bytes);
}

function writeScalar(out: ByteWriter, type: ScalarName, value: number | bigint | boolean): void {
  const [, bytes, put] = SCALARS[type];
  out.number(bytes, (view) => put(view, value));
}

function writeValue(out: ByteWriter, value: WrittenValue): void {
  if (value[0] === 'string') writeString(out.u32(8), value[1]);
  else if (value[0] === 'strings') {
    out.u32(9).u32(8).u64(value[1].length);
    for (const text of value[1]) writeString(out, text);
  } else if (value[0] === 'array') {
    out.u32(9).u32(SCALARS[value[1]][0]).u64(value[2].length);
    for (const item of value[2]) writeScalar(out, value[1], item);
  } else if (value[0] === 'arrays') {
    out.u32(9).u32(9).u64(value[1].length);
    for (const list of value[1]) {
      out.u32(4).u64(list.length);
      for (const item of list) out.u32(item);
    }
  } else {
    out.u32(SCALARS[value[0]][0]);
    writeScalar(out, value[0], value[1]);
  }
}
