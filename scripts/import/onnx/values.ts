/** Inputs and outputs of a graph as rows of the manifest. */
import { EngineError } from '../../../engine/base/errors.ts';
import { ONNX_IO_DTYPES } from '../../../engine/manifest/onnx.ts';
import type { OnnxValueRow } from '../../../engine/manifest/onnx.ts';
import type { OnnxGraph, OnnxValue } from '../../../engine/onnx/types.ts';

/** Default size of a named dimension: one for a batch, else this many. */
const DEFAULT_DIM = 256;
const BATCH = /batch|^n$/i;
/** Outputs are described, not checked: they follow from the inputs. */
const MAX_OUTPUT_DIM = 2 ** 31 - 1;

/** The inputs that are not initializers. */
export function inputRows(
  name: string,
  graph: OnnxGraph,
  dims: ReadonlyMap<string, number>,
): OnnxValueRow[] {
  const initializers = new Set(graph.initializers.map((tensor) => tensor.name));
  const inputs = graph.inputs.filter((value) => !initializers.has(value.name));
  const rows = inputs.map((value) => valueRow(name, value, (dim) => maximum(dim, dims)));
  const known = new Set(rows.flatMap(({ shape }) => shape.map(nameOf)));
  const stray = [...dims.keys()].find((dim) => !known.has(dim));
  if (stray !== undefined)
    throw new EngineError(
      'E_USAGE',
      `import: --dim ${stray}: no input of ${name} has such a dimension; expected one of ${[...known].filter((dim) => dim !== '').join(', ') || 'none'}.`,
    );
  return rows;
}

export function outputRows(name: string, { outputs }: OnnxGraph): OnnxValueRow[] {
  return outputs.map((value) => valueRow(name, value, () => MAX_OUTPUT_DIM));
}

function maximum(dim: string, dims: ReadonlyMap<string, number>): number {
  return dims.get(dim) ?? (BATCH.test(dim) ? 1 : DEFAULT_DIM);
}

const nameOf = (dim: OnnxValueRow['shape'][number]): string =>
  typeof dim === 'number' ? '' : dim.name;

function valueRow(file: string, value: OnnxValue, max: (dim: string) => number): OnnxValueRow {
  const dtype = ONNX_IO_DTYPES.find((known) => known === value.dtype);
  if (dtype === undefined || value.dims === null)
    throw new EngineError(
      'E_DTYPE_UNSUPPORTED',
      `${file}: ${JSON.stringify(value.name)}; expected a tensor of known rank and of ${ONNX_IO_DTYPES.join(', ')}, ` +
        `got ${value.dtype ?? 'another type'}${value.dims === null ? ' without a shape' : ''}. Export the graph with plain inputs and outputs.`,
      { details: { value: value.name } },
    );
  const shape = value.dims.map((dim) => {
    if (typeof dim === 'number') return dim;
    const name = (dim ?? '').slice(0, 200);
    return { name, max: max(name) };
  });
  return { name: value.name, dtype, shape };
}
