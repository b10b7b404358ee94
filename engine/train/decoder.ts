/** A decoder of Llama's form as a graph of training (arXiv 2302.13971): what it is made of, and the plan of a step. */
import { EngineError } from '../base/errors.ts';
import { Graph } from './graph.ts';
import { add } from './ops/add.ts';
import { attention, attentionScratchBytes } from './ops/attention.ts';
import { embedding } from './ops/embedding.ts';
import { linear } from './ops/linear.ts';
import { nextToken, type Targets } from './ops/next-token.ts';
import { rmsNorm } from './ops/rms-norm.ts';
import { rope, type RopeTable } from './ops/rope.ts';
import { swiglu } from './ops/swiglu.ts';
import type { Phase } from './phase.ts';
import { evenLayout } from './row-layout.ts';
import type { Tensor } from './tensor.ts';

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
}

/** Where a step's input lies; sequences follow each other, nContext tokens each. */
export interface StepInput extends Targets {
  readonly tokens: number;
}

export interface DecoderPlan {
  readonly graph: Graph;
  readonly input: StepInput;
  readonly ropeTable: RopeTable;
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
  const { dim, nHead, nKvHead, ffnDim } = shape;
  const faults: readonly (readonly [boolean, string])[] = [
    [dim % nHead !== 0, `dim ${dim} into ${nHead} heads`],
    [(dim / nHead) % HEAD_UNIT !== 0, `heads of ${dim / nHead} values into groups of ${HEAD_UNIT}`],
    [nHead % nKvHead !== 0, `${nHead} heads into ${nKvHead} groups`],
    [ffnDim % 4 !== 0, `ffnDim ${ffnDim} into groups of 4`],
  ];
  const fault = faults.find(([isWrong]) => isWrong);
  if (fault !== undefined)
    throw new EngineError('E_USAGE', `training: cannot divide ${fault[1]}. Choose other sizes.`);
}

/** @param nSequence sequences of a step */
export function planDecoder(shape: DecoderShape, nSequence: number): DecoderPlan {
  checkShape(shape);
  const { nContext, dim, nVocab } = shape;
  const graph = new Graph(evenLayout(nSequence, nContext));
  const nRow = nSequence * nContext;
  const tokens = graph.arena.values(nRow);
  const input: StepInput = {
    tokens,
    ids: graph.arena.values(nRow),
    weights: graph.arena.values(nRow),
    losses: graph.arena.values(nRow),
  };
  const headDim = dim / shape.nHead;
  const ropeTable = { data: graph.arena.values(nContext * headDim), nPosition: nContext, headDim };
  const { table, last } = decoderRows(graph, shape, tokens, ropeTable);
  const { losses, slopes } = nextToken(graph, last, table, input);
  return {
    ...{ graph, input, ropeTable, losses },
    forward: graph.forward(),
    back: [...slopes, ...graph.backward()],
    nFlop: graph.nFlop + 6 * nRow * nVocab * dim,
    scratchBytes: attentionScratchBytes(nContext),
  };
}

/**
 * A decoder up to its last norm.
 * @param tokens address of a token id of 4 bytes a row
 * @param prefix what names of its weights begin with
 * @returns its table of embeddings, and its rows
 */
export function decoderRows(
  graph: Graph,
  shape: DecoderShape,
  tokens: number,
  ropeTable: RopeTable,
  prefix = '',
): { readonly table: Tensor; readonly last: Tensor } {
  const { nVocab, dim, normEps } = shape;
  const table = graph.weight(`${prefix}model.embed_tokens.weight`, nVocab, dim);
  let x = embedding(graph, tokens, table, graph.rows.nRow());
  for (let i = 0; i < shape.nLayer; i++)
    x = layer(graph, `${prefix}model.layers.${i}`, x, shape, ropeTable);
  const norm = graph.weight(`${prefix}model.norm.weight`, 1, dim);
  return { table, last: rmsNorm(graph, 'norm', x, norm, normEps) };
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
