/**
 * y = x W^T + bias + gate (x A^T) B^T, by rows, where only A and B are learned (LoRA, arXiv 2106.09685). A row's gate is the
 * adapter's scale, or 0 for rows that it does not change (activated LoRA, arXiv 2504.12397).
 */
import type { Unpacked } from '../adapter/unpack.ts';
import type { Graph } from '../graph.ts';
import { partOf, type Phase } from '../phase.ts';
import type { Tensor } from '../tensor.ts';
import { TILE_ROWS } from './linear.ts';

export interface LowRankPair {
  /** [rank, nIn] */
  readonly a: Tensor;
  /** [nOut, rank] */
  readonly b: Tensor;
}

/** Columns of a tile of the product. */
const TILE_COLS = 8;

/** @param weight filled before forward and back; @param gates address of an f32 a row */
export function adaptedLinear(
  graph: Graph,
  name: string,
  x: Tensor,
  weight: Unpacked,
  pair: LowRankPair | null,
  gates: number,
): Tensor {
  const { nRow, nCol: nIn } = x;
  const { nOut, stride } = weight;
  const { rows } = graph;
  const y = graph.result(name, nRow, nOut, x.hasSlopes || pair !== null);
  const rank = pair?.a.nRow ?? 0;
  const low = pair === null ? 0 : graph.arena.values(nRow * rank);

  const forward: Phase = ({ kernels, scratch, ...thread }) => {
    const [from, to] = partOf(thread, rows.nRow(), TILE_ROWS);
    const m = to - from;
    const [xs, ys] = [x.data + from * nIn * 4, y.data + from * nOut * 4];
    kernels.gemm(
      ...([m, nOut, nIn, xs, nIn, 1, weight.data, 1, stride, ys, nOut, 0, scratch] as const),
    );
    if (weight.bias !== 0) kernels.addBias(ys, weight.bias, nOut, m);
    if (pair === null) return;
    const h = low + from * rank * 4;
    kernels.gemm(
      ...([m, rank, nIn, xs, nIn, 1, pair.a.data, 1, nIn, h, rank, 0, scratch] as const),
    );
    kernels.scaleRows(h, gates + from * 4, rank, m);
    kernels.gemm(
      ...([m, nOut, rank, h, rank, 1, pair.b.data, 1, rank, ys, nOut, 1, scratch] as const),
    );
  };

  graph.add({
    result: y,
    forward: [forward],
    nFlop: 2 * nRow * nOut * nIn,
    backward(addTo) {
      if (!y.hasSlopes) return [];
      const add = x.hasSlopes ? addTo(x) : null;
      // What the low-rank part gives back, until the next product needs the room.
      const dLow = pair === null ? null : graph.result(`${name}.low`, nRow, rank);
      if (dLow !== null) graph.release(dLow);
      const inputSlopes: Phase = ({ kernels, scratch, ...thread }) => {
        const [from, to] = partOf(thread, rows.nRow(), TILE_ROWS);
        const m = to - from;
        const dy = y.grad! + from * nOut * 4;
        const dx = (x.grad ?? 0) + from * nIn * 4;
        if (add !== null)
          kernels.gemm(
            ...([
              m,
              nIn,
              nOut,
              dy,
              nOut,
              1,
              weight.data,
              stride,
              1,
              dx,
              nIn,
              add,
              scratch,
            ] as const),
          );
        if (pair === null || dLow === null) return;
        const dh = dLow.data + from * rank * 4;
        kernels.gemm(
          ...([m, rank, nOut, dy, nOut, 1, pair.b.data, rank, 1, dh, rank, 0, scratch] as const),
        );
        kernels.scaleRows(dh, gates + from * 4, rank, m);
        if (add !== null)
          kernels.gemm(
            ...([m, nIn, rank, dh, rank, 1, pair.a.data, nIn, 1, dx, nIn, 1, scratch] as const),
          );
      };
      if (pair === null || dLow === null) return [inputSlopes];
      const [dA, dB] = [pair.a.grad!, pair.b.grad!];
      const pairSlopes: Phase = ({ kernels, scratch, ...thread }) => {
        const n = rows.nRow();
        // dB += dy^T h by its rows, dA += dh^T x by its columns: no two threads write one value.
        const [row, rowEnd] = partOf(thread, nOut, TILE_ROWS);
        kernels.gemm(
          ...([rowEnd - row, rank, n, y.grad! + row * 4, 1, nOut, low, rank, 1] as const),
          ...([dB + row * rank * 4, rank, 1, scratch] as const),
        );
        const [col, colEnd] = partOf(thread, nIn, TILE_COLS);
        kernels.gemm(
          ...([rank, colEnd - col, n, dLow.data, 1, rank, x.data + col * 4, nIn, 1] as const),
          ...([dA + col * 4, nIn, 1, scratch] as const),
        );
      };
      return [inputSlopes, pairSlopes];
    },
  });
  return y;
}
