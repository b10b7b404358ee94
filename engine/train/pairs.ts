/**
 * Pairs of texts whose vectors are to be alike, and unlike those of other pairs, as a graph of training: one decoder for both
 * sides or one for each, its last rows as a mean, and InfoNCE over them.
 */
import { checkShape, decoderRows, type DecoderShape } from './decoder.ts';
import { Graph } from './graph.ts';
import { attentionScratchBytes } from './ops/attention.ts';
import { contrastive, type PairTargets } from './ops/contrastive.ts';
import { meanRows } from './ops/mean-rows.ts';
import type { RopeTable } from './ops/rope.ts';
import type { Phase } from './phase.ts';
import { evenLayout } from './row-layout.ts';

export interface PairShape extends DecoderShape {
  /** Decoders: one for both sides, or one each. */
  readonly nTower: 1 | 2;
  /** What cosines are divided by. */
  readonly temperature: number;
}

/** Where a step's input lies: rows of all of a's texts, nContext each, then of all of b's. */
export interface PairInput extends PairTargets {
  readonly tokens: number;
  /** Address of an f32 a row: its share of its text's vector; 0 for rows after the text. */
  readonly shares: number;
}

export interface PairPlan {
  readonly graph: Graph;
  readonly input: PairInput;
  readonly ropeTable: RopeTable;
  readonly forward: readonly Phase[];
  readonly losses: readonly Phase[];
  readonly back: readonly Phase[];
  /** Of a step that learns. */
  readonly nFlop: number;
  readonly scratchBytes: number;
  /** Addresses of the vectors of both sides, and of their slopes, [nPair, dim] each. */
  readonly vectors: readonly [a: number, b: number];
  readonly vectorSlopes: readonly [a: number, b: number];
}

/** What names of the weights of b's own decoder begin with; those of the first have none. */
export const SECOND_TOWER = 'b.';

/** @param nPair pairs of a step, all of them compared with each other */
export function planPairs(shape: PairShape, nPair: number): PairPlan {
  checkShape(shape);
  const { nContext, dim, nTower, temperature } = shape;
  const nSequence = nTower === 1 ? 2 * nPair : nPair;
  const graph = new Graph(evenLayout(nSequence, nContext));
  const { arena } = graph;
  const nRow = 2 * nPair * nContext;
  const input: PairInput = {
    ...{ tokens: arena.values(nRow), shares: arena.values(nRow) },
    ...{ ids: arena.values(nPair), weights: arena.values(nPair) },
    losses: arena.values(2 * nPair),
  };
  const headDim = dim / shape.nHead;
  const ropeTable = { data: arena.values(nContext * headDim), nPosition: nContext, headDim };
  const rowsAt = nPair * nContext * 4;
  const towers = (nTower === 1 ? [''] : ['', SECOND_TOWER]).map((name, i) => {
    const { last } = decoderRows(graph, shape, input.tokens + i * rowsAt, ropeTable, {
      prefix: name,
    });
    const mean = meanRows(graph, last, input.shares + i * rowsAt, nSequence);
    return { data: mean.data, grad: graph.slopesOf(mean) };
  });
  const [a] = towers as [(typeof towers)[number]];
  // One decoder has the vectors of both sides, one after the other.
  const half = nPair * dim * 4;
  const b = towers[1] ?? { data: a.data + half, grad: a.grad + half };
  const size = { nPair, n: dim, temperature };
  const { losses, slopes } = contrastive(arena, a, b, size, input);
  return {
    ...{ graph, input, ropeTable, losses },
    ...{ vectors: [a.data, b.data], vectorSlopes: [a.grad, b.grad] },
    forward: graph.forward(),
    back: [...slopes, ...graph.backward()],
    nFlop: graph.nFlop + 18 * nPair * nPair * dim,
    scratchBytes: attentionScratchBytes(nContext),
  };
}
