/** TensorProto and the subgraphs of AttributeProto, as hostile input. */
import { joinBytes } from '../base/joined.ts';
import { EngineError } from '../base/errors.ts';
import { invalidFile } from '../formats/byte-source.ts';
import { dtypeOfCode, ONNX_DTYPE_NAMES, ONNX_DTYPES } from './types.ts';
import type { OnnxAttribute, OnnxDtype, OnnxGraph, OnnxTensor, TensorPlace } from './types.ts';
import { readFields, readInts, readText } from './wire.ts';
import type { WireField } from './wire.ts';

const MAX_TENSOR_RANK = 8;
/** Bytes of one tensor; a protocol buffer ends at 2 GiB. */
const MAX_TENSOR_BYTES = 2 ** 31 - 1;
/** A file beside the graph: a plain name, so that nothing outside its folder is read. */
const EXTERNAL_NAME = /^[A-Za-z0-9_][A-Za-z0-9._+-]{0,199}$/;

/** @throws {EngineError} E_FORMAT_INVALID, E_DTYPE_UNSUPPORTED, E_TENSOR_SHAPE. */
export function readTensor(name: string, bytes: Uint8Array): OnnxTensor {
  const dims: number[] = [];
  const external = new Map<string, string>();
  const typed: WireField[] = [];
  let code = 0;
  let tensorName = '';
  let raw: Uint8Array | null = null;
  let isExternal = false;
  for (const field of readFields(name, bytes)) {
    if (field.field === 1) dims.push(...readInts(name, field).map((dim) => checkDim(name, dim)));
    else if (field.field === 2) code = Number(field.value);
    else if (field.field === 8) tensorName = readText(name, field.bytes);
    else if (field.field === 9) raw = field.bytes;
    else if (field.field === 13) readEntry(name, field.bytes, external);
    else if (field.field === 14) isExternal = field.value === 1n;
    else if ([4, 5, 6, 7, 10, 11].includes(field.field)) typed.push(field);
    if (dims.length > MAX_TENSOR_RANK)
      throw invalidFile(
        name,
        `tensor ${tensorName} has too many dimensions`,
        `at most ${MAX_TENSOR_RANK}`,
      );
  }
  const dtype = requireDtype(name, tensorName, code);
  const byteLength = dims.reduce((product, dim) => product * dim, 1) * ONNX_DTYPES[dtype].bytes;
  if (byteLength > MAX_TENSOR_BYTES)
    throw invalidFile(
      name,
      `tensor ${tensorName} is too large`,
      `at most ${MAX_TENSOR_BYTES} bytes`,
      {
        bytes: byteLength,
      },
    );
  const place = isExternal
    ? externalPlace(name, tensorName, external, byteLength)
    : inlinePlace(name, tensorName, dtype, raw ?? typedBytes(name, dtype, typed), byteLength);
  return { name: tensorName, dtype, dims, place };
}

function checkDim(name: string, dim: bigint): number {
  if (dim < 0n || dim > 2n ** 31n - 1n)
    throw invalidFile(name, 'has a tensor of an impossible size', '0 to 2^31 - 1', {
      dim: String(dim),
    });
  return Number(dim);
}

function requireDtype(name: string, tensor: string, code: number): OnnxDtype {
  const dtype = dtypeOfCode(code);
  if (dtype !== null) return dtype;
  throw new EngineError(
    'E_DTYPE_UNSUPPORTED',
    `${name}: tensor ${JSON.stringify(tensor)} has the ONNX type ${code}; expected one of ${ONNX_DTYPE_NAMES.join(', ')}. Export the model with such types.`,
    { details: { tensor, code } },
  );
}

function inlinePlace(
  name: string,
  tensor: string,
  dtype: OnnxDtype,
  bytes: Uint8Array,
  expected: number,
): TensorPlace {
  if (bytes.length === expected) return { kind: 'inline', bytes };
  throw new EngineError(
    'E_TENSOR_SHAPE',
    `${name}: tensor ${JSON.stringify(tensor)} of ${dtype}; expected ${expected} bytes for its shape, got ${bytes.length}. The file is damaged: export the model again.`,
    { details: { tensor, expected, got: bytes.length } },
  );
}

function readEntry(name: string, bytes: Uint8Array, into: Map<string, string>): void {
  let key = '';
  let value = '';
  for (const field of readFields(name, bytes)) {
    if (field.field === 1) key = readText(name, field.bytes);
    else if (field.field === 2) value = readText(name, field.bytes);
  }
  if (into.size < 16) into.set(key, value);
}

/** What the graph says of the external data; whoever reads the file checks the file. */
function externalPlace(
  name: string,
  tensor: string,
  entries: ReadonlyMap<string, string>,
  expected: number,
): TensorPlace {
  const location = entries.get('location') ?? '';
  if (!EXTERNAL_NAME.test(location) || location.includes('..'))
    throw invalidFile(
      name,
      `tensor ${tensor} lies in ${JSON.stringify(location.slice(0, 200))}`,
      'a file name without folders, beside the graph',
    );
  const offset = Number(entries.get('offset') ?? '0');
  const length = Number(entries.get('length') ?? String(expected));
  if (!Number.isSafeInteger(offset) || offset < 0 || length !== expected)
    throw new EngineError(
      'E_TENSOR_SHAPE',
      `${name}: tensor ${JSON.stringify(tensor)}; expected ${expected} bytes of external data at a whole offset, got ${length} at ${offset}. Export the model again.`,
      { details: { tensor, offset, length, expected } },
    );
  return { kind: 'external', location, offset, length };
}

/** Values in typed fields (float_data and the like) as the little-endian bytes of raw_data. */
function typedBytes(name: string, dtype: OnnxDtype, fields: readonly WireField[]): Uint8Array {
  return joinBytes(fields.map((field) => typedPart(name, dtype, field)));
}

function typedPart(name: string, dtype: OnnxDtype, field: WireField): Uint8Array {
  // float_data and double_data are packed little-endian already.
  if (field.field === 4 || field.field === 10) {
    if (field.wire === 2) return field.bytes;
    return littleEndian([field.value], field.field === 4 ? 4 : 8);
  }
  if (field.field === 6) throw invalidFile(name, 'has a tensor of texts', 'numbers');
  return littleEndian(readInts(name, field), ONNX_DTYPES[dtype].bytes);
}

function littleEndian(values: readonly bigint[], bytesEach: number): Uint8Array {
  const out = new Uint8Array(values.length * bytesEach);
  const view = new DataView(out.buffer);
  values.forEach((value, i) => {
    const bits = BigInt.asUintN(8 * bytesEach, value);
    for (let b = 0; b < bytesEach; b++)
      view.setUint8(i * bytesEach + b, Number((bits >> BigInt(8 * b)) & 0xffn));
  });
  return out;
}

/** An attribute with the subgraphs it holds; tensors in it are checked, other values left alone. */
export function readAttributeGraphs(
  name: string,
  bytes: Uint8Array,
  readInner: (graph: Uint8Array) => OnnxGraph,
): OnnxAttribute {
  let attribute = '';
  const graphs: OnnxGraph[] = [];
  for (const { field, bytes: part } of readFields(name, bytes)) {
    if (field === 1) attribute = readText(name, part);
    else if (field === 6 || field === 11) graphs.push(readInner(part));
    else if (field === 5 || field === 10) requireInline(name, readTensor(name, part));
    else if (field === 22 || field === 23)
      throw invalidFile(name, `attribute ${attribute} is sparse`, 'a dense tensor');
  }
  return { name: attribute, raw: bytes, graphs };
}

function requireInline(name: string, tensor: OnnxTensor): void {
  if (tensor.place.kind !== 'inline')
    throw invalidFile(name, `attribute tensor ${tensor.name} lies in another file`, 'its bytes');
}
