/**
 * What is learned of a stored decoder, a low-rank adapter or a prefix, as a graph of training: what it is made of, and the
 * plan of a step.
 */
import { EngineError } from '../../base/errors.ts';
import { MAX_ADAPTER_RANK } from '../../model/decoder/plan.ts';
import { eyeRows, type EyesShape } from '../eyes.ts';
import { Graph } from '../graph.ts';
import { adaptedLinear, type LowRankPair } from '../ops/adapted-linear.ts';
import { add } from '../ops/add.ts';
import { attention, attentionScratchBytes, type KeptPositions } from '../ops/attention.ts';
import { pickedTokens, type Picks } from '../ops/picked-tokens.ts';
import { planVectors, type VectorInput } from '../ops/placed-rows.ts';
import { rmsNorm } from '../ops/rms-norm.ts';
import { rope, type RopeTable } from '../ops/rope.ts';
import { swiglu } from '../ops/swiglu.ts';
import { partOf, type Phase } from '../phase.ts';
import { fixedTensor, type Tensor } from '../tensor.ts';
import type { ReadViews } from '../views.ts';
import {
  type Base,
  type BaseManifest,
  planBase,
  type Target,
  TARGETS,
  targetShape,
  unpackedStride,
} from './base.ts';
import {
  rowOfHalves,
  sliceOf,
  unpackAll,
  type Unpacked,
  unpackedBytes,
  type UnpackJob,
  unpackRow,
} from './unpack.ts';

/** Structured-cloneable. */
export interface AdapterConfig {
  readonly base: BaseManifest;
  readonly rank: number;
  /** What an adapter adds counts alpha / rank times. */
  readonly alpha: number;
  readonly targets: readonly Target[];
  /** Positions of a prefix; none by default. */
  readonly nPrefix?: number;
  /** Whether the prefix is what the base's cache holds of the tokens that all texts begin with, and is not learned. */
  readonly isPrefixFixed?: boolean;
  /** Eyes that are learned with it; none by default. */
  readonly eyes?: EyesShape;
  /** Likeliest tokens of a teacher that each pick is learned from; by default the token that follows. */
  readonly nShare?: number;
  /**
   * Ids, ascending, of the tokens that the loss compares: those that occur, and those that a model says most. The whole
   * vocabulary by default, which takes an eighth of the work of short texts.
   */
  readonly headIds?: Uint32Array;
  /** Rows that are in memory at a time: tokens of whole sequences. */
  readonly nRow: number;
}

/** Where a step's input lies. */
export interface AdapterInput extends Picks {
  /** Address of a token id of 4 bytes a row. */
  readonly tokens: number;
  /** Address of an f32 a row: the adapter's factor there. */
  readonly gates: number;
  /**
   * Address of the number of rows, that of picks, that of positions of the prefix that are seen, then the first row of every
   * sequence, then the number of rows; at `trunksAt` the number of the sequence that each goes on from.
   */
  readonly layout: number;
  /** What pictures' rows are made from; null without eyes. */
  readonly vectors: VectorInput | null;
}

export interface AdapterPlan {
  readonly graph: Graph;
  readonly base: Base;
  readonly input: AdapterInput;
  readonly ropeTable: RopeTable;
  /** Keys, as they are turned, and values of each layer. */
  readonly cache: readonly LayerCache[];
  readonly forward: readonly Phase[];
  readonly losses: readonly Phase[];
  /** Slopes of all weights, added to what is there, after `forward`. */
  readonly back: readonly Phase[];
  readonly scratchBytes: number;
}

export interface LayerCache {
  /** Of the rows of a step, in halves; read after it. */
  readonly keys: Tensor;
  readonly values: Tensor;
  /** Of the prefix; null without one. */
  readonly prefix: KeptPositions | null;
}

export const LAYOUT_HEAD = 3;
/** Where in a layout the trunks of sequences are: behind the starts of as many as there may be. */
export const trunksAt = (nRow: number): number => LAYOUT_HEAD + nRow + 1;
/** The largest rank that the engine holds. */
export const MAX_RANK = MAX_ADAPTER_RANK;
/** Name of a matrix of the adapter, as PEFT's files have it. */
const MODULES: Readonly<Record<Target, string>> = {
  ...{ q: 'self_attn.q_proj', k: 'self_attn.k_proj', v: 'self_attn.v_proj' },
  ...{ o: 'self_attn.o_proj' },
  ...{ gate: 'mlp.gate_proj', up: 'mlp.up_proj', down: 'mlp.down_proj' },
};
export const moduleName = (layer: number, target: Target): string =>
  `model.layers.${layer}.${MODULES[target]}`;
export type PrefixSide = 'keys' | 'values';
/** Name of one side of a layer's prefix. */
export const prefixName = (layer: number, side: PrefixSide): string =>
  `layers.${layer}.prefix.${side}`;
/** The last part of a module's name: what `target_modules` lists. */
export const moduleOf = (target: Target): string => MODULES[target].replace(/^.*\./, '');

/** @throws {EngineError} E_MODEL_KIND for a base that cannot be trained through, E_USAGE for numbers that cannot be */
export function planAdapter(config: AdapterConfig, views: ReadViews): AdapterPlan {
  const { nRow, rank, targets, nPrefix = 0, nShare = 0, eyes, headIds: ids } = config;
  if (rank > MAX_RANK || (targets.length === 0 && nPrefix === 0))
    throw new EngineError(
      'E_USAGE',
      `adapter: rank ${rank} of ${targets.length} targets; expected at most ${MAX_RANK}, and one target or more. Choose others.`,
    );
  // Rows in use are read from the memory; addresses are known once the arena has them.
  const at = { layout: 0 };
  const word = (i: number): number => views().words[at.layout / 4 + i]!;
  const graph = new Graph({
    nRow: () => word(0),
    starts: () => views().words.subarray(at.layout / 4 + LAYOUT_HEAD),
    trunks: () => views().words.subarray(at.layout / 4 + trunksAt(nRow)),
  });
  const { arena } = graph;
  const layout = arena.values(trunksAt(nRow) + nRow);
  at.layout = layout;
  const input: AdapterInput = {
    ...{ layout, tokens: arena.values(nRow), gates: arena.values(nRow) },
    ...{ picks: arena.values(nRow), ids: arena.values(nRow) },
    ...{ weights: arena.values(nRow), losses: arena.values(nRow), count: () => word(1) },
    vectors: eyes === undefined ? null : planVectors(graph, eyes, nRow),
    shares:
      nShare === 0
        ? null
        : { k: nShare, ids: arena.values(nRow * nShare), values: arena.values(nRow * nShare) },
  };
  const base = planBase(arena, config.base);
  const { config: c } = base;
  const ropeTable = {
    data: arena.values(nRow * c.headDim),
    ...{ nPosition: nRow, headDim: c.headDim },
  };
  const matrices = planUnpacked(graph, base);
  const tokenAt = (row: number): number => views().words[input.tokens / 4 + row]!;
  const cache: LayerCache[] = [];
  const nSeen = (): number => word(2);
  let x = storedEmbedding(graph, base, tokenAt, nRow, eyes !== undefined);
  if (eyes !== undefined && input.vectors !== null)
    x = eyeRows(graph, x, eyes, input.vectors, c.normEps, views);
  for (let i = 0; i < c.nLayer; i++)
    x = layer({ graph, base, config, input, ropeTable, matrices, nSeen, cache }, i, x);
  const last = rmsNorm(graph, 'norm', x, normWeight(base, 'outputNorm'), c.normEps);
  const head = { slices: base.head, nVocab: ids?.length ?? c.nVocab, ...(ids && { ids }) };
  const { losses, slopes } = pickedTokens(graph, last, head, input);
  return {
    ...{ graph, base, input, ropeTable, cache, losses },
    forward: graph.forward(),
    back: [...slopes, ...graph.backward(), ...keepFirst(cache)],
    scratchBytes: Math.max(attentionScratchBytes(nPrefix + nRow), unpackedStride(c.nEmbd) * 4),
  };
}

interface LayerContext {
  readonly graph: Graph;
  readonly base: Base;
  readonly config: AdapterConfig;
  readonly input: AdapterInput;
  readonly ropeTable: RopeTable;
  readonly matrices: Readonly<Record<Target, Unpacked>>;
  /** Positions of the prefix that are seen. */
  readonly nSeen: () => number;
  /** Filled by the layers. */
  readonly cache: LayerCache[];
}

/** Room for the projections of one layer as f32. */
function planUnpacked(
  { arena }: Graph,
  { config, weights }: Base,
): Readonly<Record<Target, Unpacked>> {
  const entries = TARGETS.map((target): [Target, Unpacked] => {
    const { nOut, nIn } = targetShape(config, target);
    const data = arena.bytes(unpackedBytes(nOut, nIn));
    const hasBias = weights.has(`layers.0.${target}Bias`);
    const bias = hasBias ? arena.values(nOut) : 0;
    return [target, { data, nOut, nIn, stride: unpackedStride(nIn), bias }];
  });
  return Object.fromEntries(entries) as Record<Target, Unpacked>;
}

function layer(
  { graph, base, config, input, ropeTable, matrices, nSeen, cache }: LayerContext,
  i: number,
  x: Tensor,
): Tensor {
  const c = base.config;
  const isLast = i === c.nLayer - 1;
  const unpack = unpackAll(jobsOf(base, matrices, i));
  const pairs = pairsOf(graph, config, i);
  const project = (target: Target, from: Tensor): Tensor =>
    adaptedLinear(graph, target, from, matrices[target], pairs[target] ?? null, input.gates);
  const norm = (name: string, from: Tensor): Tensor =>
    rmsNorm(graph, name, from, normWeight(base, `layers.${i}.${name}`), c.normEps);
  const sum = (name: string, a: Tensor, b: Tensor): Tensor => {
    const y = add(graph, name, a, b);
    graph.release(b);
    return y;
  };

  graph.add({ result: null, nFlop: 0, forward: [unpack], backward: () => [] });
  const read = norm('attnNorm', x);
  const [q, k, v] = [project('q', read), project('k', read), project('v', read)];
  const turned = [rope(graph, q, ropeTable), rope(graph, k, ropeTable)] as const;
  const heads = { nPosition: config.nRow, nHead: c.nHead, nKvHead: c.nKvHead, headDim: c.headDim };
  const prefix = prefixOf(graph, config, i, nSeen);
  cache.push({ keys: turned[1], values: v, prefix });
  const mixed = attention(graph, ...turned, v, heads, prefix);
  const middle = sum('attended', x, project('o', mixed));
  const fed = norm('ffnNorm', middle);
  const y = sum(
    'fed',
    middle,
    project('down', swiglu(graph, project('gate', fed), project('up', fed))),
  );
  // Before the ways back of the layer; the last layer's are still there.
  graph.add({ result: null, nFlop: 0, forward: [], backward: () => (isLast ? [] : [unpack]) });
  return y;
}

/** Keys and values of a prefix (arXiv 2101.00190), as a cache of keys in halves has them: turned already. */
function prefixOf(
  graph: Graph,
  { base: { config: c }, nPrefix = 0, isPrefixFixed = false }: AdapterConfig,
  i: number,
  nSeen: () => number,
): KeptPositions | null {
  if (nPrefix === 0) return null;
  const kvDim = c.nKvHead * c.headDim;
  const part = (side: PrefixSide): Tensor => {
    const name = prefixName(i, side);
    if (!isPrefixFixed) return graph.weight(name, nPrefix, kvDim);
    return fixedTensor(name, nPrefix, kvDim, graph.arena.values(nPrefix * kvDim));
  };
  return { keys: part('keys'), values: part('values'), count: nSeen };
}

/**
 * The first position of a prefix stays as it is: queries that look for nothing look there (attention sinks, arXiv
 * 2309.17453), and what moves it moves every answer (arXiv 2506.06266).
 */
function keepFirst(cache: readonly LayerCache[]): Phase[] {
  const parts = cache.flatMap(({ prefix }) =>
    [prefix?.keys, prefix?.values].filter((part) => part?.hasSlopes === true),
  );
  if (parts.length === 0) return [];
  return [
    ({ kernels, index }) => {
      if (index === 0) for (const part of parts) kernels.clear(part!.grad!, part!.nCol);
    },
  ];
}

function pairsOf(
  graph: Graph,
  { base, rank, targets }: AdapterConfig,
  i: number,
): Partial<Record<Target, LowRankPair>> {
  const entries = targets.map((target): [Target, LowRankPair] => {
    const { nOut, nIn } = targetShape(base.config, target);
    const name = moduleName(i, target);
    const a = graph.weight(`${name}.lora_A.weight`, rank, nIn);
    return [target, { a, b: graph.weight(`${name}.lora_B.weight`, nOut, rank) }];
  });
  return Object.fromEntries(entries);
}

/** What has to be unpacked for a layer: queries and keys in halves, as adapters' files have them. */
function jobsOf(
  { config: c, weights }: Base,
  matrices: LayerContext['matrices'],
  i: number,
): UnpackJob[] {
  const halves = rowOfHalves(c.headDim);
  const asStored = (row: number): number => row;
  return TARGETS.map((target) => {
    const isTurned = target === 'q' || target === 'k';
    const storedRow = isTurned && c.ropePairing === 'adjacent' ? halves : asStored;
    const name = `layers.${i}.${target}`;
    const bias = weights.get(`${name}Bias`) ?? null;
    return { weight: weights.get(`${name}Proj`)!, bias, into: matrices[target], storedRow };
  });
}

function normWeight({ weights }: Base, name: string): Tensor {
  const { address, nCol } = weights.get(name)!;
  return fixedTensor(name, 1, nCol, address);
}

/** Rows of the stored embedding. @param hasSlopes whether rows that take the place of some are learned */
function storedEmbedding(
  graph: Graph,
  base: Base,
  tokenAt: (row: number) => number,
  nRow: number,
  hasSlopes: boolean,
): Tensor {
  const n = base.config.nEmbd;
  const y = graph.result('embedding', nRow, n, hasSlopes);
  graph.add({
    result: y,
    nFlop: 0,
    forward: [
      ({ kernels, room, ...thread }) => {
        const [from, to] = partOf(thread, graph.rows.nRow());
        for (let row = from; row < to; row++) {
          const id = tokenAt(row);
          const { weight, firstRow } = sliceOf(base.embedding, id);
          // Whole groups may be wider than a row.
          unpackRow(kernels, weight, id - firstRow, room);
          kernels.copy(room, y.data + row * n * 4, n);
        }
      },
    ],
    backward: () => [],
  });
  return y;
}
