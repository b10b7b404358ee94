/** y = silu(gate) * up (arXiv 2002.05202). */
import type { Graph } from '../graph.ts';
import { partOf } from '../phase.ts';
import type { Tensor } from '../tensor.ts';

/** @param gate and up are results that nothing else uses */
export function swiglu(graph: Graph, gate: Tensor, up: Tensor): Tensor {
  const { nRow, nCol: n } = gate;
  const y = graph.result('swiglu', nRow, n);
  graph.add({
    nFlop: 0,
    forward: [
      (thread) => {
        const [from, to] = partOf(thread, nRow * n, 4);
        const at = from * 4;
        thread.kernels.swiglu(gate.data + at, up.data + at, y.data + at, to - from);
      },
    ],
    backward: () => [
      (thread) => {
        const [from, to] = partOf(thread, nRow * n, 4);
        const at = from * 4;
        thread.kernels.swigluBack(
          ...([gate.data + at, up.data + at, y.grad! + at] as const),
          ...([gate.grad! + at, up.grad! + at, to - from] as const),
        );
      },
    ],
  });
  return y;
}
