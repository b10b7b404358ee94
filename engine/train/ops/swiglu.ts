/** y = silu(gate) * up (arXiv 2002.05202). */
import type { Graph } from '../graph.ts';
import { partOf } from '../phase.ts';
import type { Tensor } from '../tensor.ts';

/** @param gate and up are results that nothing else uses */
export function swiglu(graph: Graph, gate: Tensor, up: Tensor): Tensor {
  const { nRow, nCol: n } = gate;
  const { rows } = graph;
  const y = graph.result('swiglu', nRow, n, gate.hasSlopes || up.hasSlopes);
  graph.add({
    result: y,
    nFlop: 0,
    forward: [
      (thread) => {
        const [from, to] = partOf(thread, rows.nRow() * n, 4);
        const at = from * 4;
        thread.kernels.swiglu(gate.data + at, up.data + at, y.data + at, to - from);
      },
    ],
    backward: () => {
      if (!y.hasSlopes) return [];
      const [dGate, dUp] = [graph.slopesOf(gate), graph.slopesOf(up)];
      return [
        (thread) => {
          const [from, to] = partOf(thread, rows.nRow() * n, 4);
          const at = from * 4;
          thread.kernels.swigluBack(
            ...([gate.data + at, up.data + at, y.grad! + at] as const),
            ...([dGate + at, dUp + at, to - from] as const),
          );
        },
      ];
    },
  });
  return y;
}
