/** Each sequence of rows as one vector: y[s] = the sum of its rows times their shares, a mean where these sum to 1. */
import type { Graph } from '../graph.ts';
import { partOf, type Phase } from '../phase.ts';
import type { Tensor } from '../tensor.ts';

/**
 * @param x [nRow, n]
 * @param shares address of an f32 a row
 * @param nSequence sequences of a step
 * @returns [nSequence, n]
 */
export function meanRows(graph: Graph, x: Tensor, shares: number, nSequence: number): Tensor {
  const { nCol: n } = x;
  const y = graph.result('mean', nSequence, n, x.hasSlopes);
  const each = (run: (sequence: number, first: number, length: number) => void): void => {
    const starts = graph.rows.starts();
    for (let i = 0; i < nSequence; i++) run(i, starts[i]!, starts[i + 1]! - starts[i]!);
  };
  const forward: Phase = ({ kernels, scratch, ...thread }) => {
    const [from, to] = partOf(thread, nSequence);
    each((i, first, length) => {
      if (i < from || i >= to) return;
      kernels.gemm(
        ...([1, n, length, shares + first * 4, length, 1, x.data + first * n * 4, n, 1] as const),
        ...([y.data + i * n * 4, n, 0, scratch] as const),
      );
    });
  };
  graph.add({
    result: y,
    forward: [forward],
    nFlop: 2 * x.nRow * n,
    backward: (addTo) => {
      if (!x.hasSlopes) return [];
      const add = addTo(x);
      return [
        ({ kernels, scratch, ...thread }) => {
          const [from, to] = partOf(thread, nSequence);
          each((i, first, length) => {
            if (i < from || i >= to) return;
            kernels.gemm(
              ...([length, n, 1, shares + first * 4, 1, 1, y.grad! + i * n * 4, n, 1] as const),
              ...([x.grad! + first * n * 4, n, add, scratch] as const),
            );
          });
        },
      ];
    },
  });
  return y;
}
