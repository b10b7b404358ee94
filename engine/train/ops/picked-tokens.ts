/**
 * The loss of chosen rows' next tokens under a stored head: per row weight times -log softmax(x W^T)[target], or how far
 * softmax(x W^T) is from what a teacher says (distillation, arXiv 1503.02531). Only rows
 * that are learned from are multiplied with the head; logits are made for some of them at a time, and the head's words
 * become f32 some thousands at a time.
 */
import { unpackedStride } from '../adapter/base.ts';
import { unpackRows } from '../adapter/unpack.ts';
import type { Graph } from '../graph.ts';
import type { RowSlice } from '../../model/memory/loader.ts';
import { partOf, type Phase } from '../phase.ts';
import type { Tensor } from '../tensor.ts';
import { TILE_ROWS } from './linear.ts';
import type { NextTokenPhases, Targets } from './next-token.ts';

/** Rows whose logits are in memory at a time. */
const CHUNK_ROWS = 256;
/** Words of the head that are f32 at a time. */
const BLOCK_WORDS = 8192;

export interface Picks extends Targets {
  /** Address of a row's number of 4 bytes a pick; ids, weights and losses are those of picks. */
  readonly picks: number;
  /** What a teacher says in place of `ids`; null for tokens that follow. */
  readonly shares: SoftTargets | null;
  /** How many are in use. */
  readonly count: () => number;
}

/** For every pick the likeliest tokens of a teacher: `k` ids that differ, and shares that sum to 1. */
export interface SoftTargets {
  readonly k: number;
  /** Addresses of [nPick, k] ids of 4 bytes, and of as many f32. */
  readonly ids: number;
  readonly values: number;
}

export interface StoredHead {
  readonly slices: readonly RowSlice[];
  /** Tokens that are compared. */
  readonly nVocab: number;
  /** Ids of those tokens, where they are a part of the vocabulary; ids of targets are places in it then. */
  readonly ids?: Uint32Array;
}

/** @param x [nRow, nCol], whose slopes are made whole */
export function pickedTokens(
  graph: Graph,
  x: Tensor,
  { slices, nVocab, ids }: StoredHead,
  targets: Picks,
): NextTokenPhases {
  const { nRow, nCol: n } = x;
  const { arena, rows } = graph;
  const dx = graph.slopesOf(x);
  const chunkRows = Math.min(CHUNK_ROWS, nRow);
  const blockWords = Math.min(BLOCK_WORDS, nVocab);
  const stride = unpackedStride(n);
  const logits = arena.values(chunkRows * nVocab);
  const head = { data: arena.values(blockWords * stride), stride };
  const xs = arena.values(nRow * n);
  const dxs = arena.values(nRow * n);
  const blocks = Array.from({ length: Math.ceil(nVocab / blockWords) }, (_, i) => {
    const first = i * blockWords;
    return { first, words: Math.min(blockWords, nVocab - first) };
  });

  const gather: Phase = (thread) => {
    const [from, to] = partOf(thread, targets.count());
    thread.kernels.gatherRows(x.data, targets.picks + from * 4, xs + from * n * 4, n, to - from);
  };
  const unpack = ({ first, words }: (typeof blocks)[number]): Phase =>
    unpackRows(slices, (i) => ids?.[first + i] ?? first + i, words, head);

  /** Logits and losses of a chunk, which leave the last block of the head unpacked. */
  const score = (chunk: number): Phase[] =>
    blocks.flatMap((block, i) => {
      const isLast = i === blocks.length - 1;
      const { first, words } = block;
      return [
        whereAny(chunk, unpack(block)),
        whereAny(chunk, ({ kernels, scratch, ...thread }) => {
          const [from, to] = partOf(thread, chunkLength(chunk), TILE_ROWS);
          const at = logits + from * nVocab * 4;
          kernels.gemm(
            ...([to - from, words, n, xs + (chunk + from) * n * 4, n, 1] as const),
            ...([head.data, 1, stride, at + first * 4, nVocab, 0, scratch] as const),
          );
          if (!isLast) return;
          const pick = (chunk + from) * 4;
          const sums = [targets.weights + pick, targets.losses + pick, nVocab, to - from] as const;
          const { shares } = targets;
          if (shares === null) kernels.crossEntropy(at, targets.ids + pick, ...sums);
          else {
            const { k, ids, values } = shares;
            kernels.divergence(at, ids + pick * k, values + pick * k, k, ...sums);
          }
        }),
      ];
    });
  const slopes = (chunk: number): Phase[] =>
    blocks.toReversed().flatMap((block, i) => {
      const { first, words } = block;
      const product: Phase = ({ kernels, scratch, ...thread }) => {
        const [from, to] = partOf(thread, chunkLength(chunk), TILE_ROWS);
        const at = logits + (from * nVocab + first) * 4;
        kernels.gemm(
          ...([to - from, n, words, at, nVocab, 1, head.data, stride, 1] as const),
          ...([dxs + (chunk + from) * n * 4, n, i === 0 ? 0 : 1, scratch] as const),
        );
      };
      return [...(i === 0 ? [] : [whereAny(chunk, unpack(block))]), whereAny(chunk, product)];
    });
  const chunkLength = (chunk: number): number =>
    Math.max(0, Math.min(chunkRows, targets.count() - chunk));
  const whereAny =
    (chunk: number, phase: Phase): Phase =>
    (thread) => {
      if (chunkLength(chunk) > 0) phase(thread);
    };
  const clear: Phase = (thread) => {
    const [from, to] = partOf(thread, rows.nRow() * n, 4);
    thread.kernels.clear(dx + from * 4, to - from);
  };
  const scatter: Phase = (thread) => {
    const [from, to] = partOf(thread, n, 4);
    thread.kernels.scatterRows(dxs, targets.picks, dx, from, to, n, targets.count());
  };

  const chunks = Array.from({ length: Math.ceil(nRow / chunkRows) }, (_, i) => i * chunkRows);
  return {
    losses: [gather, ...chunks.flatMap(score)],
    slopes: [
      gather,
      ...chunks.flatMap((chunk) => [...score(chunk), ...slopes(chunk)]),
      clear,
      scatter,
    ],
  };
}
