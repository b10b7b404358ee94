/**
 * Causal attention of sequences of rows: softmax(q k^T / sqrt(headDim)) v, head by head, where several heads of queries
 * may share one of keys and values (arXiv 2305.13245). Queries go in blocks of rows, each against the keys up to its end:
 * scores that no query may see are not computed, but for corners of the blocks.
 */
import type { Graph } from '../graph.ts';
import type { ThreadContext } from '../phase.ts';
import type { Tensor } from '../tensor.ts';

export interface AttentionShape {
  /** Rows of the longest sequence. */
  readonly nPosition: number;
  readonly nHead: number;
  readonly nKvHead: number;
  readonly headDim: number;
}

/** Queries of a block: twelve tiles of the products. */
const BLOCK_ROWS = 72;

/** Bytes of a thread's own room: probabilities and their slopes of a block, beside what products need. */
export const attentionScratchBytes = (nPosition: number): number => 2 * BLOCK_ROWS * nPosition * 4;

/** Queries of one head against one head of keys and values, by the byte offsets of their first values. */
interface HeadOfSequence {
  readonly nPosition: number;
  readonly qAt: number;
  readonly kvAt: number;
  /** Whether it is the first of those that share the keys. */
  readonly isFirst: boolean;
}

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
  const { nHead, nKvHead, headDim } = shape;
  const { rows } = graph;
  const [qRow, kvRow] = [nHead * headDim, nKvHead * headDim];
  const y = graph.result('attention', q.nRow, qRow, v.hasSlopes);
  const scale = 1 / Math.sqrt(headDim);
  const perGroup = nHead / nKvHead;

  /** For each sequence and head of keys, the heads of queries that share it: no two threads write one slope. */
  const eachHead = (thread: ThreadContext, run: (head: HeadOfSequence) => void): void => {
    const starts = rows.starts();
    const nUnit = countSequences(starts, rows.nRow()) * nKvHead;
    for (let unit = thread.index; unit < nUnit; unit += thread.nThread) {
      const sequence = Math.floor(unit / nKvHead);
      const [first, group] = [starts[sequence]!, unit % nKvHead];
      const nPosition = starts[sequence + 1]! - first;
      const kvAt = (first * kvRow + group * headDim) * 4;
      for (let i = 0; i < perGroup; i++) {
        const qAt = (first * qRow + (group * perGroup + i) * headDim) * 4;
        run({ nPosition, qAt, kvAt, isFirst: i === 0 });
      }
    }
  };
  /** p[m, n] = softmax of the scores of the queries from `first` on with the n keys up to the last one's. */
  const probabilities = (
    { kernels, scratch, room: p }: ThreadContext,
    { qAt, kvAt }: HeadOfSequence,
    first: number,
    n: number,
  ): void => {
    const m = n - first;
    kernels.gemm(
      ...([m, n, headDim, q.data + qAt + first * qRow * 4, qRow, 1] as const),
      ...([k.data + kvAt, 1, kvRow, p, n, 0, scratch] as const),
    );
    kernels.softmaxCausal(p, first, m, n, scale);
  };

  graph.add({
    result: y,
    // Of sequences of full length.
    nFlop: 4 * q.nRow * shape.nPosition * qRow,
    forward: [
      (thread) => {
        const { kernels, scratch, room: p } = thread;
        eachHead(thread, (head) => {
          for (const [first, n] of blocksOf(head.nPosition)) {
            probabilities(thread, head, first, n);
            kernels.gemm(
              ...([n - first, headDim, n, p, n, 1, v.data + head.kvAt, kvRow, 1] as const),
              ...([y.data + head.qAt + first * qRow * 4, qRow, 0, scratch] as const),
            );
          }
        });
      },
    ],
    backward: () => {
      if (!y.hasSlopes) return [];
      const [dq, dk, dv] = [graph.slopesOf(q), graph.slopesOf(k), graph.slopesOf(v)];
      const block = (thread: ThreadContext, head: HeadOfSequence, first: number, n: number) => {
        const { kernels, scratch, room: p } = thread;
        const m = n - first;
        const dp = p + m * n * 4;
        const qAt = head.qAt + first * qRow * 4;
        const { kvAt } = head;
        // The block with the last query reaches all keys: those before it add to what it writes.
        const add = head.isFirst && n === head.nPosition ? 0 : 1;
        const dy = y.grad! + qAt;
        probabilities(thread, head, first, n);
        // dp = dy v^T, dv += p^T dy
        kernels.gemm(
          ...([m, n, headDim, dy, qRow, 1, v.data + kvAt, 1, kvRow, dp, n, 0, scratch] as const),
        );
        kernels.gemm(
          ...([n, headDim, m, p, 1, n, dy, qRow, 1, dv + kvAt, kvRow, add, scratch] as const),
        );
        kernels.softmaxCausalBack(p, dp, m, n, scale);
        // dq = ds k, dk += ds^T q
        kernels.gemm(
          ...([m, headDim, n, dp, n, 1, k.data + kvAt, kvRow, 1, dq + qAt, qRow] as const),
          ...([0, scratch] as const),
        );
        kernels.gemm(
          ...([n, headDim, m, dp, 1, n, q.data + qAt, qRow, 1, dk + kvAt, kvRow] as const),
          ...([add, scratch] as const),
        );
      };
      return [
        (thread) =>
          eachHead(thread, (head) => {
            for (const [first, n] of blocksOf(head.nPosition)) block(thread, head, first, n);
          }),
      ];
    },
  });
  return y;
}

/** [first query, end of the keys] of each block, the last first. */
function blocksOf(nPosition: number): (readonly [first: number, n: number])[] {
  return Array.from({ length: Math.ceil(nPosition / BLOCK_ROWS) }, (_, i) => {
    const first = i * BLOCK_ROWS;
    return [first, Math.min(nPosition, first + BLOCK_ROWS)] as const;
  }).reverse();
}

function countSequences(starts: ArrayLike<number>, nRow: number): number {
  let n = 0;
  while (starts[n]! < nRow) n++;
  return n;
}
