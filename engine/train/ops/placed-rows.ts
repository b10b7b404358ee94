/** Rows that are made elsewhere than from tokens: where they stand among those of the stream, and the rows of their places. */
import type { Graph } from '../graph.ts';
import { partOf, type Phase } from '../phase.ts';
import type { Tensor } from '../tensor.ts';
import type { ReadViews } from '../views.ts';

/** Where the vectors of a pass lie. */
export interface VectorInput {
  /** Address of their number. */
  readonly count: number;
  /** Address of [count, nIn] f32. */
  readonly values: number;
  /** Address of the row of the stream that each takes, and of its place in its segment; 4 bytes each. */
  readonly rows: number;
  readonly places: number;
}

/** @param nIn values of a vector @param nVector the most of a pass */
export function planVectors(
  { arena }: Graph,
  { nIn }: { readonly nIn: number },
  nVector: number,
): VectorInput {
  return {
    ...{ count: arena.values(1), values: arena.values(nVector * nIn) },
    ...{ rows: arena.values(nVector), places: arena.values(nVector) },
  };
}

/** y[i] += table[places[i]], in place. @param y [nRow, n], a result that nothing else uses yet */
export function addPlaces(
  graph: Graph,
  y: Tensor,
  table: Tensor,
  input: VectorInput,
  count: () => number,
): Tensor {
  const { nRow, nCol: n } = y;
  const placed = graph.arena.values(nRow * n);
  graph.add({
    result: y,
    nFlop: 0,
    forward: [
      (thread) => {
        const [from, to] = partOf(thread, count());
        const at = from * n * 4;
        const { data } = table;
        thread.kernels.gatherRows(data, input.places + from * 4, placed + at, n, to - from);
        const own = y.data + at;
        thread.kernels.addRows(own, placed + at, own, (to - from) * n);
      },
    ],
    backward: () => {
      const slopes = graph.slopesOf(y);
      return [
        (thread) => {
          const [from, to] = partOf(thread, n, 4);
          thread.kernels.scatterRows(slopes, input.places, table.grad!, from, to, n, count());
        },
      ];
    },
  });
  return y;
}

/** x[rows[i]] = y[i]. @param x [nRow, n], changed in place; a result that nothing else uses yet */
export function takeRows(
  graph: Graph,
  x: Tensor,
  y: Tensor,
  input: VectorInput,
  count: () => number,
  views: ReadViews,
): Tensor {
  const n = x.nCol;
  /** Runs `one` with the addresses of each vector's own row, and of the row of the stream that it takes. */
  const eachRow =
    (stream: () => number, own: () => number, one: 'in' | 'out'): Phase =>
    (thread) => {
      const [from, to] = partOf(thread, count());
      const { words } = views();
      for (let i = from; i < to; i++) {
        const taken = stream() + words[input.rows / 4 + i]! * n * 4;
        const mine = own() + i * n * 4;
        if (one === 'in') thread.kernels.copy(mine, taken, n);
        else {
          // No token is there: its embedding learns nothing.
          thread.kernels.copy(taken, mine, n);
          thread.kernels.clear(taken, n);
        }
      }
    };
  graph.add({
    result: x,
    nFlop: 0,
    forward: [
      eachRow(
        () => x.data,
        () => y.data,
        'in',
      ),
    ],
    backward: () => {
      const slopes = graph.slopesOf(y);
      return [
        eachRow(
          () => x.grad!,
          () => slopes,
          'out',
        ),
      ];
    },
  });
  return x;
}
