/**
 * When each token is spoken: a pass over the text, and where heads that follow the audio attend to
 * (openai/whisper, timing.py: find_alignment). Each head's weights are normalized over tokens,
 * smoothed over time, and a path through their mean gives every token its time.
 */
import type { RecognitionConfig } from '../../manifest/recognition-config.ts';
import type { TextDecoder } from '../../model/recognition/text-decoder.ts';
import { medianFilter, warpRows } from './dynamic-time-warping.ts';
import { SECONDS_PER_POSITION } from '../types.ts';
import type { TokenTiming } from '../types.ts';

/** The reference's medfilt_width. */
const MEDIAN_WIDTH = 7;

export interface AlignRequest {
  /** Special tokens of start, language and task. */
  readonly start: readonly number[];
  /** Text only. */
  readonly text: readonly number[];
  /** Positions of the encoder that have audio. */
  readonly nAudio: number;
}

/** One entry per token of `text`. The decoder already holds the window; its tokens are replaced. */
export function alignTokens(
  config: RecognitionConfig,
  decoder: TextDecoder,
  { start, text, nAudio }: AlignRequest,
): TokenTiming[] {
  if (text.length === 0 || nAudio === 0) return [];
  const { noTimestamps, endOfText } = config.tokens;
  const tokens = [...start, noTimestamps, ...text, endOfText];
  const queries = new HeadQueries(config, tokens.length);
  const probabilities: number[] = [];
  const firstRow = start.length;
  decoder.rewind(0);
  decoder.observeQueries((layer, rows, stride) => queries.take(layer, rows, stride));
  try {
    const wanted = text.map((_, i) => firstRow + i);
    decoder.forward(tokens, wanted, (row, logits) =>
      probabilities.push(probabilityOf(logits, text[row - firstRow]!, endOfText)),
    );
  } finally {
    decoder.observeQueries(null);
  }
  const nRow = text.length + 1;
  const mean = new Float32Array(nRow * nAudio);
  for (const [i, [layer, head]] of queries.heads.entries()) {
    const keys = decoder.crossKeys(layer, head);
    const weights = headWeights(queries.of(i), keys, tokens.length, nAudio);
    normalizeColumns(weights, tokens.length, nAudio);
    medianFilter(weights, nAudio, MEDIAN_WIDTH);
    const rows = weights.subarray(firstRow * nAudio, (firstRow + nRow) * nAudio);
    for (let at = 0; at < mean.length; at++)
      mean[at] = mean[at]! - rows[at]! / queries.heads.length;
  }
  const entered = warpRows(mean, nRow, nAudio);
  return text.map((token, i) => ({
    token,
    start: entered[i]! * SECONDS_PER_POSITION,
    end: entered[i + 1]! * SECONDS_PER_POSITION,
    probability: probabilities[i]!,
  }));
}

/** Queries of the alignment heads, gathered while the text is evaluated. */
class HeadQueries {
  readonly heads: readonly (readonly [layer: number, head: number])[];
  readonly #headDim: number;
  readonly #rows: readonly Float32Array[];
  /** Rows each head has so far: long texts come in several passes. */
  readonly #filled: number[];

  constructor({ alignmentHeads, nTextLayer, nHead, nEmbd }: RecognitionConfig, nToken: number) {
    // Without a list the upper half of all layers, as in the reference.
    const upper = Array.from({ length: nTextLayer * nHead }, (_, i) => i).filter(
      (i) => i >= Math.floor(nTextLayer / 2) * nHead,
    );
    this.heads =
      alignmentHeads.length > 0
        ? alignmentHeads
        : upper.map((i) => [Math.floor(i / nHead), i % nHead] as const);
    this.#headDim = nEmbd / nHead;
    this.#rows = this.heads.map(() => new Float32Array(nToken * this.#headDim));
    this.#filled = this.heads.map(() => 0);
  }

  take(layer: number, rows: Float32Array, stride: number): void {
    const width = this.#headDim;
    const T = rows.length / stride;
    for (const [i, [ofLayer, head]] of this.heads.entries()) {
      if (ofLayer !== layer) continue;
      for (let t = 0; t < T; t++) {
        const at = t * stride + head * width;
        this.#rows[i]!.set(rows.subarray(at, at + width), (this.#filled[i]! + t) * width);
      }
      this.#filled[i]! += T;
    }
  }

  of(i: number): Float32Array {
    return this.#rows[i]!;
  }
}

/** softmax(q k / sqrt(D)) over the audio, [T, S]. */
function headWeights(
  queries: Float32Array,
  keys: Float32Array,
  T: number,
  S: number,
): Float32Array {
  const D = queries.length / T;
  const scale = 1 / Math.sqrt(D);
  const out = new Float32Array(T * S);
  for (let t = 0; t < T; t++) {
    const row = out.subarray(t * S, (t + 1) * S);
    let top = -Infinity;
    for (let s = 0; s < S; s++) {
      let sum = 0;
      for (let d = 0; d < D; d++) sum += queries[t * D + d]! * keys[s * D + d]!;
      row[s] = sum * scale;
      if (row[s]! > top) top = row[s]!;
    }
    let total = 0;
    for (let s = 0; s < S; s++) total += row[s] = Math.exp(row[s]! - top);
    for (let s = 0; s < S; s++) row[s]! /= total;
  }
  return out;
}

/** Scales each column to mean 0 and deviation 1. */
function normalizeColumns(x: Float32Array, T: number, S: number): void {
  for (let s = 0; s < S; s++) {
    let [sum, squares] = [0, 0];
    for (let t = 0; t < T; t++) sum += x[t * S + s]!;
    const mean = sum / T;
    for (let t = 0; t < T; t++) squares += (x[t * S + s]! - mean) ** 2;
    const deviation = Math.sqrt(squares / T);
    for (let t = 0; t < T; t++)
      x[t * S + s] = deviation > 0 ? (x[t * S + s]! - mean) / deviation : 0;
  }
}

/** Probability of `token` among text tokens (without the end and all ids after it). */
function probabilityOf(logits: Float32Array, token: number, nText: number): number {
  let top = -Infinity;
  for (let i = 0; i < nText; i++) if (logits[i]! > top) top = logits[i]!;
  let sum = 0;
  for (let i = 0; i < nText; i++) sum += Math.exp(logits[i]! - top);
  return Math.exp(logits[token]! - top) / sum;
}
