/** y = a + b. */
import type { Graph } from '../graph.ts';
import { partOf, type Phase } from '../phase.ts';
import type { Tensor } from '../tensor.ts';

export function add(graph: Graph, name: string, a: Tensor, b: Tensor): Tensor {
  const { rows } = graph;
  const nCol = a.nCol;
  const y = graph.result(name, a.nRow, nCol, a.hasSlopes || b.hasSlopes);
  graph.add({
    result: y,
    nFlop: 0,
    forward: [
      (thread) => {
        const [from, to] = partOf(thread, rows.nRow() * nCol, 4);
        const at = from * 4;
        thread.kernels.addRows(a.data + at, b.data + at, y.data + at, to - from);
      },
    ],
    backward: (addTo) =>
      [a, b]
        .filter(({ hasSlopes }) => hasSlopes)
        .map((input): Phase => {
          const isSum = addTo(input) === 1;
          return (thread) => {
            const [from, to] = partOf(thread, rows.nRow() * nCol, 4);
            const [dy, dx] = [y.grad! + from * 4, input.grad! + from * 4];
            if (isSum) thread.kernels.addRows(dx, dy, dx, to - from);
            else thread.kernels.copy(dy, dx, to - from);
          };
        }),
  });
  return y;
}
