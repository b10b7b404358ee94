/** y[r] = table[ids[r]]. */
import type { Graph } from '../graph.ts';
import { partOf } from '../phase.ts';
import type { Tensor } from '../tensor.ts';

/** @param ids address of one id of 4 bytes a row */
export function embedding(graph: Graph, ids: number, table: Tensor, nRow: number): Tensor {
  const n = table.nCol;
  const { rows } = graph;
  const y = graph.result('embedding', nRow, n);
  const { data } = y;
  graph.add({
    result: y,
    nFlop: 0,
    forward: [
      (thread) => {
        const [from, to] = partOf(thread, rows.nRow());
        const at = data + from * n * 4;
        thread.kernels.gatherRows(table.data, ids + from * 4, at, n, to - from);
      },
    ],
    backward: () => [
      // Rows of one id may lie with any thread: the columns are shared out.
      (thread) => {
        const [from, to] = partOf(thread, n, 4);
        thread.kernels.scatterRows(y.grad!, ids, table.grad!, from, to, n, rows.nRow());
      },
    ],
  });
  return y;
}
