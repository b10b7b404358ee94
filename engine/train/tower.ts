/**
 * An image tower as a graph of training: vectors of pictures through the two maps of eyes (eyes.ts) beside given vectors of
 * texts, and InfoNCE over both, over a temperature that is learned. What made the texts' vectors stays as it is.
 */
import { type EyesShape, seenRows } from './eyes.ts';
import { Graph } from './graph.ts';
import { contrastive, type PairTargets } from './ops/contrastive.ts';
import { planVectors, type VectorInput } from './ops/placed-rows.ts';
import type { Phase } from './phase.ts';
import { evenLayout } from './row-layout.ts';
import type { Tensor } from './tensor.ts';
import type { ReadViews } from './views.ts';

export interface TowerShape extends Omit<EyesShape, 'nPosition'> {
  /** Values of a text's vector. */
  readonly nEmbd: number;
}

/** Where a step's input lies. */
export interface TowerInput extends PairTargets {
  readonly pictures: VectorInput;
  /** Address of the texts' vectors, [nPair, nEmbd]. */
  readonly texts: number;
}

export interface TowerPlan {
  readonly graph: Graph;
  readonly input: TowerInput;
  /** Of the pictures of a step, [nPair, nEmbd], before they are made as long as one. */
  readonly vectors: Tensor;
  readonly forward: readonly Phase[];
  readonly losses: readonly Phase[];
  readonly back: readonly Phase[];
  /** Of a step that learns. */
  readonly nFlop: number;
  readonly scratchBytes: number;
}

/** The logarithm of what cosines are multiplied with, the first of its values; the others are not read. */
export const TOWER_SCALE = 'tower.scale';
const SCALE_VALUES = 4;

/** @param nPair pairs of a step, all of them compared with each other */
export function planTower(shape: TowerShape, nPair: number, views: ReadViews): TowerPlan {
  const { nIn, nHidden, nEmbd } = shape;
  const graph = new Graph(evenLayout(nPair, 1));
  const { arena } = graph;
  const input: TowerInput = {
    ...{ pictures: planVectors(graph, { nIn }, nPair), texts: arena.values(nPair * nEmbd) },
    ...{ ids: arena.values(nPair), weights: arena.values(nPair) },
    losses: arena.values(2 * nPair),
  };
  const eyes = { nIn, nHidden, nPosition: 1 };
  const vectors = seenRows(graph, { nRow: nPair, nCol: nEmbd }, eyes, input.pictures, views);
  const scale = graph.weight(TOWER_SCALE, 1, SCALE_VALUES);
  const { losses, slopes } = contrastive(
    arena,
    { data: vectors.data, grad: graph.slopesOf(vectors) },
    { data: input.texts, grad: null },
    { nPair, n: nEmbd, temperature: { logScale: scale, views } },
    input,
  );
  return {
    ...{ graph, input, vectors, losses },
    forward: graph.forward(),
    back: [...slopes, ...graph.backward()],
    nFlop: graph.nFlop + 18 * nPair * nPair * nEmbd,
    scratchBytes: 0,
  };
}
