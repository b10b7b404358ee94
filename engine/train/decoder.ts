/** A decoder of Llama's form as a graph of training (arXiv 2302.13971): what it is made of, and the plan of a step. */
import { EngineError } from '../base/errors.ts';
import { Arena } from './arena.ts';
import { Graph } from './graph.ts';
import { add } from './ops/add.ts';
import { attention, attentionScratchBytes } from './ops/attention.ts';
import { embedding } from './ops/embedding.ts';
import { linear } from './ops/linear.ts';
import { nextToken, type Targets } from './ops/next-token.ts';
import { planVectors, type VectorInput } from './ops/placed-rows.ts';
import { projectedRows, type ProjectorShape } from './ops/projected-rows.ts';
import { rmsNorm } from './ops/rms-norm.ts';
import { rope, type RopeTable } from './ops/rope.ts';
import { swiglu } from './ops/swiglu.ts';
import type { Phase } from './phase.ts';
import { layoutValues, writtenLayout } from './row-layout.ts';
import type { Tensor } from './tensor.ts';
import type { ReadViews } from './views.ts';

export interface DecoderShape {
  readonly nLayer: number;
  readonly dim: number;
  readonly nHead: number;
  readonly nKvHead: number;
  readonly ffnDim: number;
  readonly nVocab: number;
  /** Tokens of a sequence. */
  readonly nContext: number;
  readonly ropeBase: number;
  readonly normEps: number;
  /** Kinds of vectors that may stand in place of tokens; none by default. */
  readonly projectors?: readonly ProjectorShape[];
  /**
   * Layers after which what vectors show is learned already, by the same norm and table as words in the end: layers above then
   * find there what words they are looking for. By default it is learned after the last one, as all else is.
   */
  readonly labelLayer?: number;
}

/** Where a step's input lies; sequences follow each other, at most nContext rows each. */
export interface StepInput extends Targets {
  readonly tokens: number;
  /** Address of what `writtenLayout` reads. */
  readonly layout: number;
  /** In the order of the shape's projectors. */
  readonly vectors: readonly VectorInput[];
  /** What is learned after `labelLayer`; null without one. */
  readonly labels: Targets | null;
}

export interface DecoderPlan {
  readonly graph: Graph;
  readonly input: StepInput;
  readonly ropeTable: RopeTable;
  /** Rows that become logits, after `forward`, and the matrix that makes them. */
  readonly last: Tensor;
  readonly head: Tensor;
  readonly forward: readonly Phase[];
  /** Losses of the rows, after `forward`. */
  readonly losses: readonly Phase[];
  /** Losses, too, and the slopes of all weights added to what is there. */
  readonly back: readonly Phase[];
  /** Of a step that learns. */
  readonly nFlop: number;
  /** Of each thread, beside what products need. */
  readonly scratchBytes: number;
}

/** Heads are turned in pairs of four values. */
const HEAD_UNIT = 8;

/** @throws {EngineError} E_USAGE naming what does not divide */
export function checkShape(shape: DecoderShape): void {
  const { dim, nHead, nKvHead, ffnDim, projectors = [] } = shape;
  const faults: readonly (readonly [boolean, string])[] = [
    [dim % nHead !== 0, `dim ${dim} into ${nHead} heads`],
    [(dim / nHead) % HEAD_UNIT !== 0, `heads of ${dim / nHead} values into groups of ${HEAD_UNIT}`],
    [nHead % nKvHead !== 0, `${nHead} heads into ${nKvHead} groups`],
    [ffnDim % 4 !== 0, `ffnDim ${ffnDim} into groups of 4`],
    [
      shape.labelLayer !== undefined && shape.labelLayer >= shape.nLayer,
      `${shape.nLayer} layers at ${shape.labelLayer}`,
    ],
    ...projectors.map(
      ({ name, nIn }) => [nIn % 4 !== 0, `${nIn} values of ${name} into groups of 4`] as const,
    ),
  ];
  const fault = faults.find(([isWrong]) => isWrong);
  if (fault !== undefined)
    throw new EngineError('E_USAGE', `training: cannot divide ${fault[1]}. Choose other sizes.`);
}

/** @param nSequence sequences of full length that a pass has room for */
export function planDecoder(shape: DecoderShape, nSequence: number, views: ReadViews): DecoderPlan {
  checkShape(shape);
  const { nContext, dim, nVocab, projectors = [] } = shape;
  const nRow = nSequence * nContext;
  const arena = new Arena();
  const layout = arena.values(layoutValues(nRow));
  const graph = new Graph(writtenLayout(layout, views), arena);
  const tokens = graph.arena.values(nRow);
  const vectors = projectors.map((one) => planVectors(graph, one, nRow));
  const targets = (): Targets => ({
    ids: graph.arena.values(nRow),
    weights: graph.arena.values(nRow),
    losses: graph.arena.values(nRow),
  });
  const labels = shape.labelLayer === undefined ? null : targets();
  const input: StepInput = { tokens, layout, vectors, labels, ...targets() };
  const headDim = dim / shape.nHead;
  const ropeTable = { data: graph.arena.values(nContext * headDim), nPosition: nContext, headDim };
  const { table, last, middle } = decoderRows(graph, shape, tokens, ropeTable, {
    nRow,
    seen: (x) =>
      projectors.reduce((rows, one, i) => projectedRows(graph, rows, one, vectors[i]!, views), x),
  });
  const objectives = [nextToken(graph, last, table, input)];
  if (middle !== null && labels !== null) objectives.push(nextToken(graph, middle, table, labels));
  return {
    ...{ graph, input, ropeTable, last, head: table },
    losses: objectives.flatMap(({ losses }) => losses),
    forward: graph.forward(),
    back: [...objectives.flatMap(({ slopes }) => slopes), ...graph.backward()],
    nFlop: graph.nFlop + objectives.length * 6 * nRow * nVocab * dim,
    scratchBytes: attentionScratchBytes(nContext),
  };
}

export interface DecoderRowsOptions {
  /** Rows there is room for; by default as many as the layout has. */
  readonly nRow?: number;
  /** What names of its weights begin with. */
  readonly prefix?: string;
  /** What stands among the embeddings of tokens. */
  readonly seen?: (embedded: Tensor) => Tensor;
}

/**
 * A decoder up to its last norm.
 * @param tokens address of a token id of 4 bytes a row
 * @returns its table of embeddings, and its rows: in the end, and after `labelLayer`
 */
export function decoderRows(
  graph: Graph,
  shape: DecoderShape,
  tokens: number,
  ropeTable: RopeTable,
  { nRow = graph.rows.nRow(), prefix = '', seen = (x) => x }: DecoderRowsOptions = {},
): { readonly table: Tensor; readonly last: Tensor; readonly middle: Tensor | null } {
  const { nVocab, dim, normEps, labelLayer } = shape;
  const table = graph.weight(`${prefix}model.embed_tokens.weight`, nVocab, dim);
  const norm = graph.weight(`${prefix}model.norm.weight`, 1, dim);
  let x = seen(embedding(graph, tokens, table, nRow));
  let middle: Tensor | null = null;
  for (let i = 0; i < shape.nLayer; i++) {
    x = layer(graph, `${prefix}model.layers.${i}`, x, shape, ropeTable);
    if (i + 1 === labelLayer) middle = rmsNorm(graph, 'middle norm', x, norm, normEps);
  }
  return { table, middle, last: rmsNorm(graph, 'norm', x, norm, normEps) };
}

/** Names are those of Hugging Face's Llama, which the importer reads. */
function layer(
  graph: Graph,
  name: string,
  x: Tensor,
  shape: DecoderShape,
  table: RopeTable,
): Tensor {
  const { dim, nHead, nKvHead, ffnDim, normEps, nContext: nPosition } = shape;
  const { headDim } = table;
  const matrix = (part: string, nOut: number, nIn: number): Tensor =>
    graph.weight(`${name}.${part}.weight`, nOut, nIn);
  const norm = (part: string, input: Tensor): Tensor =>
    rmsNorm(graph, part, input, graph.weight(`${name}.${part}.weight`, 1, dim), normEps);

  const read = norm('input_layernorm', x);
  const kvDim = nKvHead * headDim;
  const q = linear(graph, 'q', read, matrix('self_attn.q_proj', dim, dim));
  const k = linear(graph, 'k', read, matrix('self_attn.k_proj', kvDim, dim));
  const v = linear(graph, 'v', read, matrix('self_attn.v_proj', kvDim, dim));
  const heads = { nPosition, nHead, nKvHead, headDim };
  const turned = [rope(graph, q, table), rope(graph, k, table)] as const;
  const mixed = attention(graph, ...turned, v, heads);
  const attended = linear(graph, 'o', mixed, matrix('self_attn.o_proj', dim, dim));
  const middle = add(graph, 'attended', x, attended);

  const fed = norm('post_attention_layernorm', middle);
  const gate = linear(graph, 'gate', fed, matrix('mlp.gate_proj', ffnDim, dim));
  const up = linear(graph, 'up', fed, matrix('mlp.up_proj', ffnDim, dim));
  const down = matrix('mlp.down_proj', dim, ffnDim);
  return add(graph, 'fed', middle, linear(graph, 'down', swiglu(graph, gate, up), down));
}
