/**
 * Checks the inputs of a graph against its manifest: each is present, of its type, with as
 * many values as its shape says, and no dimension beyond its maximum.
 */
import type { EngineError } from '../../engine/base/errors.ts';
import { invalidField } from '../platform/invalid-field.ts';
import type { OnnxGraphRow, OnnxValueRow } from '../../engine/manifest/onnx.ts';
import { TENSOR_ARRAYS } from './tensors.ts';
import type { OnnxTensorData, OnnxTensors } from './tensors.ts';

/** Most values of one tensor: 64 MiB of floats would leave no room for anything else. */
export const MAX_TENSOR_ELEMENTS = 4 * 1024 * 1024;

/** @throws {EngineError} E_REQUEST_INVALID whose `param` is the input (`inputs.NAME`). */
export function checkFeeds({ inputs }: OnnxGraphRow, feeds: OnnxTensors): OnnxTensors {
  const names = inputs.map(({ name }) => name);
  const stray = Object.keys(feeds).find((name) => !names.includes(name));
  if (stray !== undefined)
    throw invalid(stray.slice(0, 100), 'is no input of the graph', names.join(', '), 'it');
  const named = new Map<string, number>();
  for (const row of inputs) {
    const feed = feeds[row.name];
    if (feed === undefined) throw invalid(row.name, 'is missing', describe(row), 'nothing');
    checkTensor(row, feed, named);
  }
  return feeds;
}

function checkTensor(row: OnnxValueRow, feed: OnnxTensorData, named: Map<string, number>): void {
  const { name, dtype, shape } = row;
  if (feed.dtype !== dtype) throw invalid(`${name}.dtype`, 'has the wrong type', dtype, feed.dtype);
  if (!(feed.data instanceof TENSOR_ARRAYS[dtype]))
    throw invalid(`${name}.data`, 'is not an array of its type', dtype, feed.data.constructor.name);
  const got = `[${feed.dims.join(', ')}]`;
  if (feed.dims.length !== shape.length)
    throw invalid(`${name}.shape`, 'has the wrong number of dimensions', describe(row), got);
  shape.forEach((dim, i) => {
    const size = feed.dims[i] ?? -1;
    if (!Number.isSafeInteger(size) || size < 0 || (typeof dim === 'number' && size !== dim))
      throw invalid(`${name}.shape`, `dimension ${i} does not fit`, describe(row), got);
    if (typeof dim === 'number') return;
    if (size > dim.max)
      throw invalid(
        `${name}.shape`,
        `dimension ${i} (${dim.name}) is too large`,
        `at most ${dim.max}`,
        String(size),
      );
    const before = named.get(dim.name);
    if (dim.name !== '' && before !== undefined && before !== size)
      throw invalid(
        `${name}.shape`,
        `dimension ${i} (${dim.name}) differs from another input's`,
        String(before),
        String(size),
      );
    named.set(dim.name, size);
  });
  const elements = feed.dims.reduce((product, size) => product * size, 1);
  if (elements > MAX_TENSOR_ELEMENTS)
    throw invalid(
      `${name}.shape`,
      'has too many values',
      `at most ${MAX_TENSOR_ELEMENTS}`,
      String(elements),
    );
  if (feed.data.length !== elements)
    throw invalid(
      `${name}.data`,
      'does not have as many values as its shape says',
      String(elements),
      String(feed.data.length),
    );
}

function describe({ dtype, shape }: OnnxValueRow): string {
  const dims = shape.map((dim) =>
    typeof dim === 'number' ? String(dim) : `${dim.name || '?'} <= ${dim.max}`,
  );
  return `${dtype} [${dims.join(', ')}]`;
}

function invalid(field: string, what: string, expected: string, got: string): EngineError {
  const param = `inputs.${field}`;
  return invalidField(param, `${what}; expected ${expected}, got ${got}`, {
    details: { expected, got },
  });
}
