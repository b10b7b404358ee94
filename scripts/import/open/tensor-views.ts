/**
 * A file's tensor as the one an architecture's row wants: a range of its rows, one of its stacked
 * experts, its transpose, its neighbours in another order, its values shifted. Ranges are only another
 * offset; bytes are changed when they are read.
 */
import type { TensorInstance, TensorPlace } from '../../../engine/archs/index.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { invalidFile, memorySource, readRange } from '../../../engine/formats/byte-source.ts';
import type { ByteSource } from '../../../engine/formats/byte-source.ts';
import { SOURCE_DTYPES, sourceBytes } from '../../../engine/formats/source-dtypes.ts';
import type { SourceTensor } from '../../../engine/formats/source-tensor.ts';
import { dequantize } from '../../../engine/quant/dequantize.ts';

/**
 * @throws {EngineError} E_TENSOR_SHAPE when the file's sizes differ from the row's;
 *   E_FORMAT_INVALID for quantized types where single values are needed.
 */
export function viewTensor(
  tensor: SourceTensor,
  instance: TensorInstance,
  place: TensorPlace,
): SourceTensor {
  const { shape, expert } = instance;
  const isVector = shape[0] === 1;
  checkDims(tensor, instance, fileDims(shape, place));
  const rowValues = isVector ? 1 : shape[1];
  const firstRow = place.nStacked > 0 ? expert * shape[0] : place.from;
  const whole = inOurOrder(tensor, place);
  const part = rangeOf(whole, firstRow * rowValues, shape);
  return place.plus === 0 ? part : shifted(part, place.plus);
}

/** Sizes the file must have, slowest dimension first. */
function fileDims(
  shape: readonly [number, number],
  { transposed, nStacked, of, taps, dims }: TensorPlace,
): readonly number[] {
  if (dims !== null) return dims;
  if (nStacked > 0) return [nStacked, ...shape];
  if (shape[0] === 1) return [of];
  if (taps > 1) return [of, shape[1] / taps, taps];
  return transposed ? [shape[1], of] : [of, shape[1]];
}

function checkDims(
  tensor: SourceTensor,
  { name }: TensorInstance,
  expected: readonly number[],
): void {
  const { dims } = tensor;
  // A vector may be written as one row.
  const got = expected.length === 1 && dims.length === 2 && dims[0] === 1 ? dims.slice(1) : dims;
  if (got.length === expected.length && got.every((dim, i) => dim === expected[i])) return;
  throw new EngineError(
    'E_TENSOR_SHAPE',
    `${tensor.source.name}: tensor ${tensor.name} (${name}); expected [${expected.join(', ')}], ` +
      `got [${dims.join(', ')}]. The file's config does not belong to its weights.`,
    { details: { name: tensor.name, expected, got: dims } },
  );
}

/** `shape` values from value `first` on; a range starts and ends on whole blocks. */
function rangeOf(
  tensor: SourceTensor,
  first: number,
  shape: readonly [number, number],
): SourceTensor {
  const values = shape[0] * shape[1];
  const { blockElements } = SOURCE_DTYPES[tensor.dtype];
  if (first % blockElements !== 0 || values % blockElements !== 0)
    throw notFloats(tensor, 'is cut inside a block');
  const offset = tensor.offset + sourceBytes(tensor.dtype, first);
  const bytes = sourceBytes(tensor.dtype, values);
  return { ...tensor, dims: shape, offset, bytes };
}

function inOurOrder(tensor: SourceTensor, { transposed, taps }: TensorPlace): SourceTensor {
  if (taps > 1) return tapsFirst(tensor, taps);
  return transposed ? transposedOf(tensor) : tensor;
}

/** [nRow, nIn, taps] as [nRow, taps * nIn]. */
function tapsFirst(tensor: SourceTensor, taps: number): SourceTensor {
  const [nRow = 1, nIn = 1] = tensor.dims;
  const { blockElements, blockBytes } = SOURCE_DTYPES[tensor.dtype];
  if (blockElements !== 1) throw notFloats(tensor, 'is a convolution');
  const source = lazySource(tensor, (bytes) => {
    const out = new Uint8Array(bytes.byteLength);
    const rowValues = nIn * taps;
    for (let at = 0; at < nRow * rowValues; at++) {
      const [row, inner] = [Math.floor(at / rowValues), at % rowValues];
      const to = row * rowValues + (inner % taps) * nIn + Math.floor(inner / taps);
      for (let i = 0; i < blockBytes; i++) out[to * blockBytes + i] = bytes[at * blockBytes + i]!;
    }
    return out;
  });
  return { ...tensor, dims: [nRow, nIn * taps], source, offset: 0 };
}

function transposedOf(tensor: SourceTensor): SourceTensor {
  const [nRow = 1, nCol = 1] = tensor.dims;
  const { blockElements, blockBytes } = SOURCE_DTYPES[tensor.dtype];
  if (blockElements !== 1) throw notFloats(tensor, 'is stored transposed');
  const source = lazySource(tensor, (bytes) => {
    const out = new Uint8Array(bytes.byteLength);
    for (let at = 0; at < nRow * nCol; at++) {
      const to = ((at % nCol) * nRow + Math.floor(at / nCol)) * blockBytes;
      for (let i = 0; i < blockBytes; i++) out[to + i] = bytes[at * blockBytes + i]!;
    }
    return out;
  });
  return { ...tensor, dims: [nCol, nRow], source, offset: 0 };
}

function shifted(tensor: SourceTensor, plus: number): SourceTensor {
  if (SOURCE_DTYPES[tensor.dtype].blockElements !== 1) throw notFloats(tensor, 'is shifted');
  const values = tensor.bytes / SOURCE_DTYPES[tensor.dtype].blockBytes;
  const source = lazySource(
    tensor,
    (bytes) => new Uint8Array(dequantize(tensor.dtype, bytes).map((x) => x + plus).buffer),
    values * 4,
  );
  return { ...tensor, dtype: 'F32', source, offset: 0, bytes: values * 4 };
}

/** A tensor's bytes, changed once when they are first read and dropped when read to their end. */
function lazySource(
  tensor: SourceTensor,
  change: (bytes: Uint8Array) => Uint8Array,
  bytes = tensor.bytes,
): ByteSource {
  const { source, offset, name } = tensor;
  let changed: Promise<ByteSource> | null = null;
  const load = async () =>
    memorySource(source.name, change(await readRange(source, offset, tensor.bytes, name)));
  return {
    name: source.name,
    bytes,
    async read(from, length) {
      changed ??= load();
      const data = await (await changed).read(from, length);
      if (from + length === bytes) changed = null;
      return data;
    },
  };
}

function notFloats(tensor: SourceTensor, what: string): EngineError {
  const { name, dtype, source } = tensor;
  return invalidFile(source.name, `tensor ${name} ${what}`, 'F32, F16 or BF16', { dtype });
}
