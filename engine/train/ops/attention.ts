/**
 * Causal attention of rows that are sequences of nPosition tokens: softmax(q k^T / sqrt(headDim)) v, head by head, where
 * several heads of queries may share one of keys and values (arXiv 2305.13245).
 */
import type { Graph } from '../graph.ts';
import { partOf, type ThreadContext } from '../phase.ts';
import type { Tensor } from '../tensor.ts';

export interface AttentionShape {
  readonly nPosition: number;
  readonly nHead: number;
  readonly nKvHead: number;
  readonly headDim: number;
}

/** Bytes of a thread's own room: probabilities and their slopes of one head, beside what products need. */
export const attentionScratchBytes = (nPosition: number): number => 2 * nPosition * nPosition * 4;

/**
 * @param q [nRow, nHead headDim] @param k and v [nRow, nKvHead headDim]; results that nothing else uses
 */
export function attention(
  graph: Graph,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  shape: AttentionShape,
): Tensor {
  const { nPosition: n, nHead, nKvHead, headDim } = shape;
  const { nRow } = q;
  const [qRow, kvRow] = [nHead * headDim, nKvHead * headDim];
  const y = graph.result('attention', nRow, qRow);
  const scale = 1 / Math.sqrt(headDim);
  const perGroup = nHead / nKvHead;
  const nUnit = (nRow / n) * nKvHead;

  /** For each sequence and head of keys, the heads of queries that share it: no two threads write one slope. */
  const eachHead = (
    thread: ThreadContext,
    run: (qAt: number, kvAt: number, isFirst: boolean) => void,
  ): void => {
    const [from, to] = partOf(thread, nUnit);
    for (let unit = from; unit < to; unit++) {
      const first = Math.floor(unit / nKvHead) * n;
      const group = unit % nKvHead;
      const kvAt = (first * kvRow + group * headDim) * 4;
      for (let i = 0; i < perGroup; i++)
        run((first * qRow + (group * perGroup + i) * headDim) * 4, kvAt, i === 0);
    }
  };
  /** p = softmax of the scores of a head. */
  const probabilities = (thread: ThreadContext, p: number, qAt: number, kvAt: number): void => {
    const { kernels, scratch } = thread;
    kernels.gemm(
      ...([n, n, headDim, q.data + qAt, qRow, 1] as const),
      ...([k.data + kvAt, 1, kvRow, p, n, 0, scratch] as const),
    );
    kernels.softmaxCausal(p, n, scale);
  };

  graph.add({
    nFlop: 4 * nRow * n * qRow,
    forward: [
      (thread) => {
        const { kernels, scratch, room: p } = thread;
        eachHead(thread, (qAt, kvAt) => {
          probabilities(thread, p, qAt, kvAt);
          kernels.gemm(
            ...([n, headDim, n, p, n, 1, v.data + kvAt, kvRow, 1] as const),
            ...([y.data + qAt, qRow, 0, scratch] as const),
          );
        });
      },
    ],
    backward: () => [
      (thread) => {
        const { kernels, scratch, room: p } = thread;
        const dp = p + n * n * 4;
        eachHead(thread, (qAt, kvAt, isFirst) => {
          const add = isFirst ? 0 : 1;
          const dy = y.grad! + qAt;
          probabilities(thread, p, qAt, kvAt);
          // dp = dy v^T, dv += p^T dy
          kernels.gemm(
            ...([n, n, headDim, dy, qRow, 1, v.data + kvAt, 1, kvRow, dp, n, 0, scratch] as const),
          );
          kernels.gemm(
            ...([n, headDim, n, p, 1, n, dy, qRow, 1, v.grad! + kvAt, kvRow] as const),
            ...([add, scratch] as const),
          );
          kernels.softmaxCausalBack(p, dp, n, scale);
          // dq = ds k, dk += ds^T q
          kernels.gemm(
            ...([n, headDim, n, dp, n, 1, k.data + kvAt, kvRow, 1, q.grad! + qAt, qRow] as const),
            ...([0, scratch] as const),
          );
          kernels.gemm(
            ...([n, headDim, n, dp, 1, n, q.data + qAt, qRow, 1, k.grad! + kvAt, kvRow] as const),
            ...([add, scratch] as const),
          );
        });
      },
    ],
  });
  return y;
}
