/** y = x W^T. */
import type { AddTo, Graph } from '../graph.ts';
import { partOf, type Phase } from '../phase.ts';
import type { RowLayout } from '../row-layout.ts';
import type { Tensor } from '../tensor.ts';

/** Rows of a tile of the product: a part that ends inside one wastes it. */
export const TILE_ROWS = 6;

/** @param weight [nOut, nIn] @param x [nRow, nIn] @param rows those in use, where they are not the graph's */
export function linear(
  graph: Graph,
  name: string,
  x: Tensor,
  weight: Tensor,
  rows: RowLayout = graph.rows,
): Tensor {
  const { nRow, nCol: nIn } = x;
  const nOut = weight.nRow;
  const y = graph.result(name, nRow, nOut);
  const forward: Phase = (thread) => {
    const [from, to] = partOf(thread, rows.nRow(), TILE_ROWS);
    thread.kernels.gemm(
      ...([to - from, nOut, nIn, x.data + from * nIn * 4, nIn, 1] as const),
      ...([weight.data, 1, nIn, y.data + from * nOut * 4, nOut, 0, thread.scratch] as const),
    );
  };
  graph.add({
    result: y,
    forward: [forward],
    nFlop: 2 * nRow * nOut * nIn,
    backward: (addTo) => [
      ...inputSlopes(rows, x, weight, y, addTo),
      ...weightSlopes(rows, x, weight, y, addTo),
    ],
  });
  return y;
}

/** dx (+)= dy W. */
function inputSlopes(rows: RowLayout, x: Tensor, weight: Tensor, y: Tensor, addTo: AddTo): Phase[] {
  if (!x.hasSlopes) return [];
  const add = addTo(x);
  const [nIn, nOut] = [x.nCol, y.nCol];
  return [
    (thread) => {
      const [from, to] = partOf(thread, rows.nRow(), TILE_ROWS);
      thread.kernels.gemm(
        ...([to - from, nIn, nOut, y.grad! + from * nOut * 4, nOut, 1] as const),
        ...([weight.data, nIn, 1, x.grad! + from * nIn * 4, nIn, add, thread.scratch] as const),
      );
    },
  ];
}

/** dW (+)= dy^T x. */
function weightSlopes(
  rows: RowLayout,
  x: Tensor,
  weight: Tensor,
  y: Tensor,
  addTo: AddTo,
): Phase[] {
  if (!weight.hasSlopes) return [];
  const add = addTo(weight);
  const [nIn, nOut] = [x.nCol, y.nCol];
  return [
    (thread) => {
      const [from, to] = partOf(thread, nOut, TILE_ROWS);
      thread.kernels.gemm(
        ...([to - from, nIn, rows.nRow(), y.grad! + from * 4, 1, nOut] as const),
        ...([x.data, nIn, 1, weight.grad! + from * nIn * 4, nIn, add, thread.scratch] as const),
      );
    },
  ];
}
