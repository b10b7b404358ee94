/** y = x W^T. */
import type { AddTo, Graph } from '../graph.ts';
import { partOf, type Phase } from '../phase.ts';
import type { Tensor } from '../tensor.ts';

/** Rows of a tile of the product: a part that ends inside one wastes it. */
export const TILE_ROWS = 6;

/** @param weight [nOut, nIn] @param x [nRow, nIn] */
export function linear(graph: Graph, name: string, x: Tensor, weight: Tensor): Tensor {
  const { nRow, nCol: nIn } = x;
  const nOut = weight.nRow;
  const y = graph.result(name, nRow, nOut);
  const forward: Phase = (thread) => {
    const [from, to] = partOf(thread, nRow, TILE_ROWS);
    thread.kernels.gemm(
      ...([to - from, nOut, nIn, x.data + from * nIn * 4, nIn, 1] as const),
      ...([weight.data, 1, nIn, y.data + from * nOut * 4, nOut, 0, thread.scratch] as const),
    );
  };
  graph.add({
    forward: [forward],
    nFlop: 2 * nRow * nOut * nIn,
    backward: (addTo) => [
      ...inputSlopes(x, weight, y, addTo),
      ...weightSlopes(x, weight, y, addTo),
    ],
  });
  return y;
}

/** dx (+)= dy W. */
export function inputSlopes(x: Tensor, weight: Tensor, y: Tensor, addTo: AddTo): Phase[] {
  const { grad } = x;
  const dy = y.grad;
  if (grad === null || dy === null) return [];
  const add = addTo(x);
  const [nIn, nOut] = [x.nCol, y.nCol];
  return [
    (thread) => {
      const [from, to] = partOf(thread, x.nRow, TILE_ROWS);
      thread.kernels.gemm(
        ...([to - from, nIn, nOut, dy + from * nOut * 4, nOut, 1] as const),
        ...([weight.data, nIn, 1, grad + from * nIn * 4, nIn, add, thread.scratch] as const),
      );
    },
  ];
}

/** dW (+)= dy^T x. */
export function weightSlopes(x: Tensor, weight: Tensor, y: Tensor, addTo: AddTo): Phase[] {
  const { grad } = weight;
  const dy = y.grad;
  if (grad === null || dy === null) return [];
  const add = addTo(weight);
  const [nIn, nOut] = [x.nCol, y.nCol];
  return [
    (thread) => {
      const [from, to] = partOf(thread, nOut, TILE_ROWS);
      thread.kernels.gemm(
        ...([to - from, nIn, x.nRow, dy + from * 4, 1, nOut] as const),
        ...([x.data, nIn, 1, grad + from * nIn * 4, nIn, add, thread.scratch] as const),
      );
    },
  ];
}
