/** Turns queries or keys by their positions, in place (arXiv 2104.09864); pairs are half a head apart. */
import type { Graph } from '../graph.ts';
import { partOf, type ThreadContext } from '../phase.ts';
import { trunkOf } from '../row-layout.ts';
import type { Tensor } from '../tensor.ts';

export interface RopeTable {
  /** Address of [nPosition][headDim / 2] cosines, then as many sines. */
  readonly data: number;
  readonly nPosition: number;
  readonly headDim: number;
}

/**
 * The values of a table.
 * @param frequencies [headDim / 2] radians a position
 * @param magnitude factor of all
 * @param first position of a sequence's first row
 */
export function ropeValues(
  nPosition: number,
  frequencies: Float64Array,
  magnitude = 1,
  first = 0,
): Float32Array {
  const half = frequencies.length;
  const values = new Float32Array(2 * nPosition * half);
  for (let position = 0; position < nPosition; position++)
    for (const [i, frequency] of frequencies.entries()) {
      const angle = (first + position) * frequency;
      values[position * half + i] = Math.cos(angle) * magnitude;
      values[(nPosition + position) * half + i] = Math.sin(angle) * magnitude;
    }
  return values;
}

/** @param x a result that nothing else uses */
export function rope(graph: Graph, x: Tensor, table: RopeTable): Tensor {
  const { nCol } = x;
  const { rows } = graph;
  const nHead = nCol / table.headDim;
  const turn = (thread: ThreadContext, data: number, sign: 1 | -1): void => {
    const [from, to] = partOf(thread, rows.nRow());
    const starts = rows.starts();
    for (let i = 0; starts[i]! < to; i++) {
      const [first, end] = [Math.max(from, starts[i]!), Math.min(to, starts[i + 1]!)];
      if (first >= end) continue;
      thread.kernels.ropeHalves(
        ...([data + first * nCol * 4, table.data, nHead, table.headDim] as const),
        ...([(trunkOf(rows, i)?.nRow ?? 0) + first - starts[i]!, end - first] as const),
        ...([table.nPosition, sign] as const),
      );
    }
  };
  graph.add({
    result: x,
    nFlop: 0,
    forward: [(thread) => turn(thread, x.data, 1)],
    backward: () => (x.hasSlopes ? [(thread) => turn(thread, x.grad!, -1)] : []),
  });
  return x;
}
