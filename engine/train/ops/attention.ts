/**
 * Causal attention of sequences of rows: softmax(q k^T / sqrt(headDim)) v, head by head, where several heads of queries
 * may share one of keys and values (arXiv 2305.13245). A sequence that goes on from another sees all rows of that one, too.
 * Queries go in blocks of rows, each against the keys up to its end:
 * scores that no query may see are not computed, but for corners of the blocks.
 */
import type { Graph } from '../graph.ts';
import type { ThreadContext } from '../phase.ts';
import { familiesOf, trunkOf } from '../row-layout.ts';
import type { Tensor } from '../tensor.ts';

export interface AttentionShape {
  /** Rows of the longest sequence. */
  readonly nPosition: number;
  readonly nHead: number;
  readonly nKvHead: number;
  readonly headDim: number;
}

interface KeyedRows {
  /** [nPosition, nKvHead headDim] each. */
  readonly keys: Tensor;
  readonly values: Tensor;
}

/** Keys and values of positions before every sequence, in the order and as turned as those of its own rows. */
export interface KeptPositions extends KeyedRows {
  /** How many of them are seen: all, or none where what is under them is wanted. */
  readonly count: () => number;
}

/** Queries of a block: twelve tiles of the products. */
const BLOCK_ROWS = 72;

/**
 * Bytes of a thread's own room: probabilities and their slopes of a block, beside what products need.
 * @param nPosition keys that a query sees, with those before its sequence
 */
export const attentionScratchBytes = (nPosition: number): number => 2 * BLOCK_ROWS * nPosition * 4;

/** Queries of one head against one head of keys and values, by the byte offsets of their first values. */
interface HeadOfSequence {
  readonly nPosition: number;
  readonly qAt: number;
  readonly kvAt: number;
  /** Of the sequence that it goes on from. */
  readonly trunk: { readonly nPosition: number; readonly kvAt: number } | null;
  /** Of the head of keys in a row. */
  readonly headAt: number;
  /** Whether it is the first of those that share the keys. */
  readonly isFirst: boolean;
}

/** Keys and values of one head that a block of queries sees, by the addresses of their first values. */
interface Side {
  /** Where its columns begin among the scores. */
  readonly column: number;
  readonly n: number;
  readonly keys: number;
  readonly values: number;
  /** Addresses of slopes; null where none are wanted. */
  readonly dk: number | null;
  readonly dv: number | null;
  /** Whether slopes are added to what is there. */
  readonly add: 0 | 1;
}

/**
 * @param q [nRow, nHead headDim]
 * @param k and v [nRow, nKvHead headDim]; results that nothing else uses
 * @param before what every query sees before its own sequence (prefix tuning, arXiv 2101.00190)
 */
export function attention(
  graph: Graph,
  q: Tensor,
  k: Tensor,
  v: Tensor,
  shape: AttentionShape,
  before: KeptPositions | null = null,
): Tensor {
  const { nHead, nKvHead, headDim } = shape;
  const { rows } = graph;
  const [qRow, kvRow] = [nHead * headDim, nKvHead * headDim];
  const isLearned = before !== null || [q, k, v].some(({ hasSlopes }) => hasSlopes);
  const y = graph.result('attention', q.nRow, qRow, isLearned);
  const scale = 1 / Math.sqrt(headDim);
  const perGroup = nHead / nKvHead;

  /**
   * For each family of sequences and head of keys, the heads of queries that share it: no two threads write one slope. What
   * is before all sequences may have slopes that sum over them: then a head of keys is one thread's in all of them.
   */
  const eachHead = (thread: ThreadContext, run: (head: HeadOfSequence) => void): void => {
    const starts = rows.starts();
    const families = familiesOf(rows);
    const together =
      before?.keys.hasSlopes === true && families.length > 0
        ? [[0, families.at(-1)[1]] as const]
        : families;
    for (let unit = thread.index; unit < together.length * nKvHead; unit += thread.nThread) {
      const group = unit % nKvHead;
      const headAt = group * headDim * 4;
      const [from, to] = together[Math.floor(unit / nKvHead)]!;
      for (let sequence = from; sequence < to; sequence++) {
        const first = starts[sequence]!;
        const trunk = trunkOf(rows, sequence);
        const part = {
          nPosition: starts[sequence + 1]! - first,
          ...{ kvAt: first * kvRow * 4 + headAt, headAt },
          trunk: trunk && {
            nPosition: trunk.nRow,
            kvAt: trunk.first * kvRow * 4 + headAt,
          },
        };
        for (let i = 0; i < perGroup; i++) {
          const qAt = (first * qRow + (group * perGroup + i) * headDim) * 4;
          run({ ...part, qAt, isFirst: i === 0 });
        }
      }
    }
  };
  /** What the queries of a block see: what is before, then the n rows of their sequence up to the last one's. */
  const sidesOf = (head: HeadOfSequence, n: number): Side[] => {
    const at = (address: number | null, offset: number): number | null =>
      address === null ? null : address + offset;
    const sides: Side[] = [];
    const see = (from: KeyedRows, offset: number, nKey: number, add: 0 | 1): void => {
      if (nKey === 0) return;
      sides.push({
        ...{ column: widthOf(sides), n: nKey, add },
        ...{ keys: from.keys.data + offset, values: from.values.data + offset },
        ...{ dk: at(from.keys.grad, offset), dv: at(from.values.grad, offset) },
      });
    };
    const { trunk, nPosition, isFirst } = head;
    if (before !== null) see(before, head.headAt, before.count(), 1);
    const own = { keys: k, values: v };
    if (trunk !== null) see(own, trunk.kvAt, trunk.nPosition, 1);
    // The block with the last query reaches all keys: those before it add to what it writes.
    see(own, head.kvAt, n, isFirst && n === nPosition ? 0 : 1);
    return sides;
  };
  /** p[m, nKey] = softmax of the scores of the m queries from `first` on, an address of q, with all that they see. */
  const probabilities = (
    { kernels, scratch, room: p }: ThreadContext,
    sides: readonly Side[],
    queries: number,
    m: number,
  ): void => {
    const nKey = widthOf(sides);
    for (const { column, n, keys } of sides)
      kernels.gemm(
        ...([m, n, headDim, queries, qRow, 1, keys, 1, kvRow] as const),
        ...([p + column * 4, nKey, 0, scratch] as const),
      );
    kernels.softmaxCausal(p, nKey - m, m, nKey, scale);
  };

  graph.add({
    result: y,
    // Of sequences of full length.
    nFlop: 4 * q.nRow * (shape.nPosition + (before?.keys.nRow ?? 0)) * qRow,
    forward: [
      (thread) => {
        const { kernels, scratch, room: p } = thread;
        eachHead(thread, (head) => {
          for (const [first, end] of blocksOf(head.nPosition)) {
            const [m, at] = [end - first, head.qAt + first * qRow * 4];
            const sides = sidesOf(head, end);
            probabilities(thread, sides, q.data + at, m);
            for (const [i, { column, n, values }] of sides.entries())
              kernels.gemm(
                ...([m, headDim, n, p + column * 4, widthOf(sides), 1, values, kvRow, 1] as const),
                ...([y.data + at, qRow, i === 0 ? 0 : 1, scratch] as const),
              );
          }
        });
      },
    ],
    backward: () => {
      if (!y.hasSlopes) return [];
      for (const x of [q, k, v]) if (x.hasSlopes) graph.slopesOf(x);
      const block = (
        { kernels, scratch, room: p }: ThreadContext,
        sides: readonly Side[],
        at: number,
        m: number,
      ): void => {
        const nKey = widthOf(sides);
        const dp = p + m * nKey * 4;
        const [dy, queries] = [y.grad! + at, q.data + at];
        // dp = dy v^T, dv += p^T dy
        for (const { column, n, values, dv, add } of sides) {
          kernels.gemm(
            ...([m, n, headDim, dy, qRow, 1, values, 1, kvRow] as const),
            ...([dp + column * 4, nKey, 0, scratch] as const),
          );
          if (dv !== null)
            kernels.gemm(
              ...([n, headDim, m, p + column * 4, 1, nKey, dy, qRow, 1] as const),
              ...([dv, kvRow, add, scratch] as const),
            );
        }
        kernels.softmaxCausalBack(p, dp, m, nKey, scale);
        // dq = ds k, dk += ds^T q
        for (const [i, { column, n, keys, dk, add }] of sides.entries()) {
          const ds = dp + column * 4;
          if (q.grad !== null)
            kernels.gemm(
              ...([m, headDim, n, ds, nKey, 1, keys, kvRow, 1] as const),
              ...([q.grad + at, qRow, i === 0 ? 0 : 1, scratch] as const),
            );
          if (dk !== null)
            kernels.gemm(
              ...([n, headDim, m, ds, 1, nKey, queries, qRow, 1] as const),
              ...([dk, kvRow, add, scratch] as const),
            );
        }
      };
      return [
        (thread) =>
          eachHead(thread, (head) => {
            for (const [first, end] of blocksOf(head.nPosition)) {
              const [m, at] = [end - first, head.qAt + first * qRow * 4];
              const sides = sidesOf(head, end);
              probabilities(thread, sides, q.data + at, m);
              block(thread, sides, at, m);
            }
          }),
      ];
    },
  });
  return y;
}

/** Keys that a block of queries sees. */
const widthOf = (sides: readonly Side[]): number => sides.reduce((sum, { n }) => sum + n, 0);

/** [first query, end of the keys] of each block, the last first. */
function blocksOf(nPosition: number): (readonly [first: number, n: number])[] {
  return Array.from({ length: Math.ceil(nPosition / BLOCK_ROWS) }, (_, i) => {
    const first = i * BLOCK_ROWS;
    return [first, Math.min(nPosition, first + BLOCK_ROWS)] as const;
  }).reverse();
}
