/**
 * Rows of the stream that come from vectors in place of tokens: patches of pictures, frames of sound. Vector i, through
 * a linear map of its own kind, and with the learned row of its place there, takes row rows[i] of x.
 */
import type { Graph } from '../graph.ts';
import { partOf, type Phase } from '../phase.ts';
import type { RowLayout } from '../row-layout.ts';
import type { Tensor } from '../tensor.ts';
import type { ReadViews } from '../views.ts';
import { linear } from './linear.ts';

/** A kind of vectors, and the map into the decoder's width. */
export interface ProjectorShape {
  /** Such as `image`; weights are `projectors.<name>.*`. */
  readonly name: string;
  /** Values of a vector, a multiple of 4. */
  readonly nIn: number;
  /** Places that a vector may have in its segment, each with a learned row. */
  readonly nPosition: number;
}

/** Where the vectors of a pass lie. */
export interface VectorInput {
  /** Address of their number. */
  readonly count: number;
  /** Address of [count, nIn] f32. */
  readonly values: number;
  /** Address of the row of x that each takes, and of its place in its segment; 4 bytes each. */
  readonly rows: number;
  readonly places: number;
}

/** @param nVector the most of a pass */
export function planVectors(graph: Graph, { nIn }: ProjectorShape, nVector: number): VectorInput {
  const { arena } = graph;
  return {
    ...{ count: arena.values(1), values: arena.values(nVector * nIn) },
    ...{ rows: arena.values(nVector), places: arena.values(nVector) },
  };
}

/** @param x [nRow, dim], changed in place; a result that nothing else uses yet */
export function projectedRows(
  graph: Graph,
  x: Tensor,
  shape: ProjectorShape,
  input: VectorInput,
  views: ReadViews,
): Tensor {
  const { nRow, nCol: n } = x;
  const { name, nIn, nPosition } = shape;
  const count = (): number => views().words[input.count / 4]!;
  const layout: RowLayout = { nRow: count, starts: () => [0, count()] };
  const map = graph.weight(`projectors.${name}.linear.weight`, n, nIn);
  const positions = graph.weight(`projectors.${name}.positions.weight`, nPosition, n);
  const values: Tensor = {
    ...{ name, nRow, nCol: nIn, data: input.values, grad: null, hasSlopes: false },
  };
  const projected = linear(graph, `${name} rows`, values, map, layout);
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
  const placed = graph.arena.values(nRow * n);
  graph.add({
    result: x,
    nFlop: 0,
    forward: [
      (thread) => {
        const [from, to] = partOf(thread, count());
        const at = from * n * 4;
        const { data } = positions;
        thread.kernels.gatherRows(data, input.places + from * 4, placed + at, n, to - from);
        const own = projected.data + at;
        thread.kernels.addRows(own, placed + at, own, (to - from) * n);
      },
      eachRow(
        () => x.data,
        () => projected.data,
        'in',
      ),
    ],
    backward: () => {
      const slopes = graph.slopesOf(projected);
      return [
        eachRow(
          () => x.grad!,
          () => slopes,
          'out',
        ),
        (thread) => {
          const [from, to] = partOf(thread, n, 4);
          const { grad } = positions;
          thread.kernels.scatterRows(slopes, input.places, grad!, from, to, n, count());
        },
      ];
    },
  });
  return x;
}
