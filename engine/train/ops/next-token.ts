/**
 * The loss of next tokens: per row weight times -log softmax(x W^T)[target]. Logits are made for some rows at a time,
 * since those of all rows would be larger than everything else, and their slopes go back at once.
 */
import type { Graph } from '../graph.ts';
import { partOf, type Phase } from '../phase.ts';
import { TILE_ROWS } from './linear.ts';
import type { Tensor } from '../tensor.ts';

/** Rows whose logits are in memory at a time. */
const CHUNK_ROWS = 512;

export interface Targets {
  /** Address of a token id of 4 bytes a row. */
  readonly ids: number;
  /** Address of an f32 a row: 0 for rows that are not learned from. */
  readonly weights: number;
  /** Address of an f32 a row, for the weighted losses. */
  readonly losses: number;
}

/** Forwards only: the losses. Both ways: the slopes of x and W, too, in the same phases. */
export interface NextTokenPhases {
  readonly losses: readonly Phase[];
  readonly slopes: readonly Phase[];
}

/** @param head [nVocab, nCol] @param x [nRow, nCol] */
export function nextToken(
  graph: Graph,
  x: Tensor,
  head: Tensor,
  targets: Targets,
): NextTokenPhases {
  const { nRow, nCol: n } = x;
  const nVocab = head.nRow;
  const chunkRows = Math.min(CHUNK_ROWS, nRow);
  const logits = graph.arena.values(chunkRows * nVocab);
  const dx = graph.slopesOf(x);
  const losses: Phase[] = [];
  const slopes: Phase[] = [];
  for (let first = 0; first < nRow; first += chunkRows) {
    const rowsInUse = (): number => Math.max(0, Math.min(chunkRows, graph.rows.nRow() - first));
    const xs = x.data + first * n * 4;
    const score: Phase = (thread) => {
      const [from, to] = partOf(thread, rowsInUse(), TILE_ROWS);
      const at = logits + from * nVocab * 4;
      thread.kernels.gemm(
        ...([to - from, nVocab, n, xs + from * n * 4, n, 1, head.data, 1, n] as const),
        ...([at, nVocab, 0, thread.scratch] as const),
      );
      const row = (first + from) * 4;
      thread.kernels.crossEntropy(
        ...([at, targets.ids + row, targets.weights + row, targets.losses + row] as const),
        ...([nVocab, to - from] as const),
      );
    };
    losses.push(score);
    slopes.push(score, (thread) => {
      // dx = dlogits W by rows, dW += dlogits^T x by words: no two threads write one value.
      const [from, to] = partOf(thread, rowsInUse(), TILE_ROWS);
      thread.kernels.gemm(
        ...([
          to - from,
          n,
          nVocab,
          logits + from * nVocab * 4,
          nVocab,
          1,
          head.data,
          n,
          1,
        ] as const),
        ...([dx + (first + from) * n * 4, n, 0, thread.scratch] as const),
      );
      const [word, end] = partOf(thread, nVocab, TILE_ROWS);
      thread.kernels.gemm(
        ...([end - word, n, rowsInUse(), logits + word * 4, 1, nVocab, xs, n, 1] as const),
        ...([head.grad! + word * n * 4, n, 1, thread.scratch] as const),
      );
    });
  }
  return { losses, slopes };
}
