/** What every model file format is read into: named tensors with their place in a file. */
import type { ByteSource } from './byte-source.ts';
import { invalidFile } from './byte-source.ts';
import type { SourceDtype } from './source-dtypes.ts';
import { SOURCE_DTYPES, sourceBytes } from './source-dtypes.ts';

export interface SourceTensor {
  readonly name: string;
  readonly dtype: SourceDtype;
  /** Row-major, slowest dimension first; the last one is contiguous. */
  readonly dims: readonly number[];
  readonly source: ByteSource;
  /** From the start of the file. */
  readonly offset: number;
  readonly bytes: number;
}

export const MAX_TENSORS = 100_000;
export const MAX_TENSOR_DIMS = 4;
export const MAX_TENSOR_NAME_BYTES = 256;

/**
 * Bytes of a tensor of these dimensions.
 * @throws {EngineError} E_FORMAT_INVALID for dimensions no real tensor has.
 */
export function tensorBytes(where: string, dtype: SourceDtype, dims: readonly number[]): number {
  const shape = `[${dims.join(', ')}]`;
  const sane = dims.every((dim) => Number.isSafeInteger(dim) && dim > 0);
  const elements = dims.reduce((product, dim) => product * dim, 1);
  if (!sane || dims.length > MAX_TENSOR_DIMS || !Number.isSafeInteger(elements * 4))
    throw invalidFile(where, 'impossible dimensions', '1 to 4 positive numbers', { shape });
  const { blockElements } = SOURCE_DTYPES[dtype];
  const nCol = dims.at(-1) ?? 1;
  if (nCol % blockElements !== 0) {
    const expected = `rows of whole ${dtype} blocks (${blockElements} values)`;
    throw invalidFile(where, 'rows do not end on a block', expected, { shape });
  }
  return sourceBytes(dtype, elements);
}

/** @throws {EngineError} E_FORMAT_INVALID for a name met twice, or two tensors on the same bytes. */
export function checkTensorPlaces(tensors: readonly SourceTensor[]): void {
  const names = new Set<string>();
  for (const { name, source } of tensors) {
    if (names.has(name)) throw invalidFile(source.name, `tensor ${name} is listed twice`, 'once');
    names.add(name);
  }
  const bySource = Map.groupBy(tensors, (tensor) => tensor.source);
  for (const [source, list] of bySource) {
    let end = 0;
    let last = 'the header';
    for (const tensor of [...list].sort((a, b) => a.offset - b.offset)) {
      const { name, offset, bytes } = tensor;
      if (offset < end)
        throw invalidFile(
          source.name,
          `tensors ${last} and ${name} overlap`,
          `an offset from ${end}`,
          { offset },
        );
      if (offset + bytes > source.bytes)
        throw invalidFile(
          source.name,
          `tensor ${name} leaves the file`,
          `an end up to ${source.bytes}`,
          {
            end: offset + bytes,
          },
        );
      end = offset + bytes;
      last = name;
    }
  }
}
