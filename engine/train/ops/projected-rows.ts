/**
 * Rows of the stream that come from vectors in place of tokens: patches of pictures, frames of sound. Vector i, through
 * a linear map of its own kind, and with the learned row of its place there, takes row rows[i] of x.
 */
import type { Graph } from '../graph.ts';
import type { RowLayout } from '../row-layout.ts';
import type { Tensor } from '../tensor.ts';
import type { ReadViews } from '../views.ts';
import { linear } from './linear.ts';
import { addPlaces, takeRows, type VectorInput } from './placed-rows.ts';

/** A kind of vectors, and the map into the decoder's width. */
export interface ProjectorShape {
  /** Such as `image`; weights are `projectors.<name>.*`. */
  readonly name: string;
  /** Values of a vector, a multiple of 4. */
  readonly nIn: number;
  /** Places that a vector may have in its segment, each with a learned row. */
  readonly nPosition: number;
}

/** @param x [nRow, dim], changed in place; a result that nothing else uses yet */
export function projectedRows(
  graph: Graph,
  x: Tensor,
  shape: ProjectorShape,
  input: VectorInput,
  views: ReadViews,
): Tensor {
  const { nRow, nCol: n } = x;
  const { name, nIn, nPosition } = shape;
  const count = (): number => views().words[input.count / 4]!;
  const layout: RowLayout = { nRow: count, starts: () => [0, count()] };
  const map = graph.weight(`projectors.${name}.linear.weight`, n, nIn);
  const positions = graph.weight(`projectors.${name}.positions.weight`, nPosition, n);
  const values: Tensor = {
    ...{ name, nRow, nCol: nIn, data: input.values, grad: null, hasSlopes: false },
  };
  const projected = linear(graph, `${name} rows`, values, map, layout);
  addPlaces(graph, projected, positions, input, count);
  return takeRows(graph, x, projected, input, count, views);
}
