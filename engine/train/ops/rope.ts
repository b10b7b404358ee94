/** Turns queries or keys by their positions, in place (arXiv 2104.09864); pairs are half a head apart. */
import type { Graph } from '../graph.ts';
import { partOf, type ThreadContext } from '../phase.ts';
import type { Tensor } from '../tensor.ts';

export interface RopeTable {
  /** Address of [nPosition][headDim / 2] cosines, then as many sines. */
  readonly data: number;
  readonly nPosition: number;
  readonly headDim: number;
}

/** The values of a table, for rows that are positions 0 to nPosition - 1 again and again. */
export function ropeValues(nPosition: number, headDim: number, base: number): Float32Array {
  const half = headDim / 2;
  const values = new Float32Array(2 * nPosition * half);
  for (let position = 0; position < nPosition; position++)
    for (let i = 0; i < half; i++) {
      const angle = position * base ** (-i / half);
      values[position * half + i] = Math.cos(angle);
      values[(nPosition + position) * half + i] = Math.sin(angle);
    }
  return values;
}

/** @param x a result that nothing else uses */
export function rope(graph: Graph, x: Tensor, table: RopeTable): Tensor {
  const { nRow, nCol } = x;
  const nHead = nCol / table.headDim;
  const turn = (thread: ThreadContext, data: number, sign: 1 | -1): void => {
    const [from, to] = partOf(thread, nRow);
    thread.kernels.ropeHalves(
      ...([data + from * nCol * 4, table.data, nHead, table.headDim] as const),
      ...([from, to - from, table.nPosition, sign] as const),
    );
  };
  graph.add({
    nFlop: 0,
    forward: [(thread) => turn(thread, x.data, 1)],
    backward: () => [(thread) => turn(thread, x.grad!, -1)],
  });
  return x;
}
