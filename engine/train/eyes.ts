/**
 * Eyes of a stored decoder, as a graph of training: vectors of a picture through two maps with SiLU between them, plus the
 * learned row of their place, normed, take rows of the stream. SiLU in place of GELU, whose form x sigmoid(1.702 x) (arXiv
 * 1606.08415) is the same function of other weights.
 */
import type { Graph } from './graph.ts';
import { partOf } from './phase.ts';
import type { RowLayout } from './row-layout.ts';
import { fixedTensor, type Tensor } from './tensor.ts';
import type { ReadViews } from './views.ts';
import { linear } from './ops/linear.ts';
import { addPlaces, takeRows, type VectorInput } from './ops/placed-rows.ts';
import { rmsNorm } from './ops/rms-norm.ts';

/** Structured-cloneable. */
export interface EyesShape {
  /** Values of a vector, the constants among them: a multiple of 4. */
  readonly nIn: number;
  readonly nHidden: number;
  /** Vectors of a picture, each with a learned row. */
  readonly nPosition: number;
}

export const EYES_PREFIX = 'eyes.';
export const EYES = {
  hidden: 'eyes.hidden.weight',
  out: 'eyes.out.weight',
  positions: 'eyes.positions.weight',
  gain: 'eyes.gain',
} as const;
/** Constants after the values of a vector, of which the first is 1: what it is multiplied with is the hidden bias. */
export const N_CONSTANT = 4;
/** The f32 of 1, as its bits. */
const ONE_BITS = 0x3f80_0000;

/**
 * Vectors through the two maps, with the rows of their places: a row each.
 * @param size rows there may be, and their width @returns [nRow, nCol]
 */
export function seenRows(
  graph: Graph,
  { nRow, nCol: n }: Pick<Tensor, 'nRow' | 'nCol'>,
  { nIn, nHidden, nPosition }: EyesShape,
  input: VectorInput,
  views: ReadViews,
): Tensor {
  const count = (): number => views().words[input.count / 4]!;
  const rows: RowLayout = { nRow: count, starts: () => [0, count()] };
  const hidden = graph.weight(EYES.hidden, nHidden, nIn);
  const out = graph.weight(EYES.out, n, nHidden);
  const positions = graph.weight(EYES.positions, nPosition, n);
  const values = fixedTensor('vectors', nRow, nIn, input.values);
  const inside = linear(graph, 'eyes.inside', values, hidden, rows);
  const seen = linear(graph, 'eyes.seen', silu(graph, inside, rows, views), out, rows);
  return addPlaces(graph, seen, positions, input, count);
}

/** @param x [nRow, nEmbd], changed in place; a result that nothing else uses yet @param eps of the norm */
export function eyeRows(
  graph: Graph,
  x: Tensor,
  shape: EyesShape,
  input: VectorInput,
  eps: number,
  views: ReadViews,
): Tensor {
  const count = (): number => views().words[input.count / 4]!;
  const rows: RowLayout = { nRow: count, starts: () => [0, count()] };
  const seen = seenRows(graph, x, shape, input, views);
  const gain = graph.weight(EYES.gain, 1, x.nCol);
  return takeRows(
    graph,
    x,
    rmsNorm(graph, 'eyes.normed', seen, gain, eps, rows),
    input,
    count,
    views,
  );
}

/** y = x sigmoid(x): the kernel of swiglu with ones in place of what is gated. */
function silu(graph: Graph, x: Tensor, rows: RowLayout, views: ReadViews): Tensor {
  const n = x.nCol;
  const y = graph.result('silu', x.nRow, n);
  const [ones, unused] = [graph.arena.values(n), graph.arena.values(x.nRow * n)];
  graph.add({
    result: y,
    nFlop: 0,
    forward: [
      ({ index }) => {
        if (index === 0) views().words.fill(ONE_BITS, ones / 4, ones / 4 + n);
      },
      (thread) => {
        const [from, to] = partOf(thread, rows.nRow());
        for (let row = from; row < to; row++)
          thread.kernels.swiglu(x.data + row * n * 4, ones, y.data + row * n * 4, n);
      },
    ],
    backward: () => {
      const dx = graph.slopesOf(x);
      return [
        (thread) => {
          const [from, to] = partOf(thread, rows.nRow());
          for (let row = from; row < to; row++) {
            const at = row * n * 4;
            const [dy, dOnes] = [y.grad! + at, unused + at];
            thread.kernels.swigluBack(x.data + at, ones, dy, dx + at, dOnes, n);
          }
        },
      ];
    },
  });
  return y;
}
