/** y = x / rms(x) * weight, by rows (arXiv 1910.07467). */
import type { Graph } from '../graph.ts';
import { partOf, type Phase } from '../phase.ts';
import type { RowLayout } from '../row-layout.ts';
import type { Tensor } from '../tensor.ts';

/** @param weight [1, nCol] @param rows those in use, where they are not the graph's */
export function rmsNorm(
  graph: Graph,
  name: string,
  x: Tensor,
  weight: Tensor,
  eps: number,
  rows: RowLayout = graph.rows,
): Tensor {
  const { nRow, nCol: n } = x;
  const y = graph.result(name, nRow, n, x.hasSlopes || weight.hasSlopes);
  const rstd = graph.arena.values(nRow);
  const inputSlopes = (add: 0 | 1): Phase => {
    return (thread) => {
      const [from, to] = partOf(thread, rows.nRow());
      const at = from * n * 4;
      thread.kernels.rmsNormBack(
        ...([y.grad! + at, x.data + at, weight.data, rstd + from * 4] as const),
        ...([x.grad! + at, n, to - from, add] as const),
      );
    };
  };
  const weightSlopes: Phase = (thread) => {
    const [first, end] = partOf(thread, n, 4);
    thread.kernels.rmsNormBackWeight(
      ...([y.grad!, x.data, rstd, weight.grad!, first, end, n, rows.nRow()] as const),
    );
  };
  graph.add({
    result: y,
    nFlop: 0,
    forward: [
      (thread) => {
        const [from, to] = partOf(thread, rows.nRow());
        const at = from * n * 4;
        thread.kernels.rmsNorm(
          ...([x.data + at, weight.data, y.data + at, rstd + from * 4, n, to - from, eps] as const),
        );
      },
    ],
    backward: (addTo) => [
      ...(x.hasSlopes ? [inputSlopes(addTo(x))] : []),
      ...(weight.hasSlopes ? [weightSlopes] : []),
    ],
  });
  return y;
}
