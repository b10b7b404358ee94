/**
 * What generation asks of a decoder, whatever computes it: WebAssembly in this isolate, a ring of
 * isolates that hold layers, a GPU, or a plain reference. Nothing here knows addresses or kernels;
 * tests/model/decoder-contract.ts holds every implementation to it.
 */
import type { Sequence } from '../../cache/pages.ts';
import { adaptedKey, trainedKey } from '../../cache/prefix-key.ts';
import type { ItemKey } from '../../cache/prefix-key.ts';
import type { ModelConfig } from '../../manifest/manifest.ts';
import type { SenseName } from '../../manifest/modalities.ts';

/**
 * A row that enters the first layer as it is, in place of a token's embedding: part of a picture, say.
 * It has the scale of the residual stream: a family's embedding scale is not applied to it.
 */
export interface EmbeddingRow {
  /** Its key in the cache (`rowKey`). */
  readonly key: string;
  /** [nEmbd] */
  readonly values: Float32Array;
}

/** What one position is evaluated from: a token's id, or a row. */
export type PositionInput = number | EmbeddingRow;

/** The key of a position in the cache. */
export function keyOf(input: PositionInput): ItemKey {
  return typeof input === 'number' ? input : input.key;
}

/** The same of a position whose row carries an adapter. */
export function keyWith(adapter: AdapterHandle | null, input: PositionInput): ItemKey {
  const key = keyOf(input);
  return adapter?.isActivated === true ? adaptedKey(key, adapter.id) : key;
}

/** An adapter that a decoder holds. May travel to another isolate. */
export interface AdapterHandle {
  readonly id: string;
  /**
   * Whether it applies from some position of a text on. Then the key of a text names it at each position
   * instead of at the root: what comes before is shared with the model as it is.
   */
  readonly isActivated?: boolean;
  /**
   * Positions of its trained prefix; none by default. A text that carries it begins with them: they are in its sequence
   * before its first input, and the pass that finds the sequence empty writes them.
   */
  readonly nPrefix?: number;
}

/** Row-major f32, or halves as their bits: `a` [rank, nCol], `b` [nRow, rank]. */
export interface AdapterPair {
  readonly a: Float32Array | Uint16Array;
  readonly b: Float32Array | Uint16Array;
}

/**
 * Keys and values of a layer of a trained prefix, halves as their bits: [nPosition, nKvHead headDim], keys in the order and
 * as turned as the base's cache has them for positions from 0 on.
 */
export interface PrefixLayer {
  readonly keys: Uint16Array;
  readonly values: Uint16Array;
}

export interface PrefixTensors {
  readonly nPosition: number;
  /** By the number of the layer. */
  readonly layers: ReadonlyMap<number, PrefixLayer>;
}

export interface AdapterTensors {
  readonly id: string;
  readonly rank: number;
  /** Factor of what the adapter adds; alpha / rank in most files. 1 for halves. */
  readonly scale: number;
  /** Matrices by the name of the weight, such as `layers.0.qProj`. */
  readonly pairs: ReadonlyMap<string, AdapterPair>;
  /** What texts begin with; none by default. */
  readonly prefix?: PrefixTensors;
}

/** An adapter that can be read wherever the weights it changes are. */
export interface AdapterSource {
  readonly id: string;
  /** Where another isolate finds it; plain data that this layer does not read. */
  readonly file: unknown;
  /** @param layers half-open range of those whose matrices are wanted; all by default */
  load(layers?: readonly [number, number]): Promise<AdapterTensors>;
}

/** Positions of one sequence in a pass. Several parts share one reading of the weights. */
export interface BatchPart {
  /** At least one; all parts together at most `limits.maxRows`. */
  readonly inputs: readonly PositionInput[];
  /** Where they are appended; pages must have been reserved. No two parts share a sequence. */
  readonly sequence: Sequence;
  /** The sequence's place among `limits.maxSequences`: no two parts of a pass share it. */
  readonly slot: number;
  /** Logits are wanted of `inputs[logitsFrom]` and all after it; inputs.length for none. */
  readonly logitsFrom: number;
  /** Adapter of these rows; null for the model as it is. */
  readonly adapter: AdapterHandle | null;
  /** Whether nobody will ask for more of these logits than `argmax`; by default all may be read. */
  readonly onlyTop?: boolean;
}

/** What a sequence holds or will hold before the inputs of a part: what was evaluated, or its adapter's prefix. */
export function startOf({ sequence, adapter }: Pick<BatchPart, 'sequence' | 'adapter'>): number {
  return Math.max(sequence.items.length, adapter?.nPrefix ?? 0);
}

/** Whether a pass writes the prefix of a part's adapter. */
export function writesPrefix({
  sequence,
  adapter,
}: Pick<BatchPart, 'sequence' | 'adapter'>): boolean {
  return sequence.items.length === 0 && (adapter?.nPrefix ?? 0) > 0;
}

/** Appends the keys of all that a pass has evaluated or written. */
export function appendKeys(part: BatchPart): void {
  const { sequence, inputs, adapter } = part;
  if (writesPrefix(part)) sequence.items.push(...prefixKeys(adapter));
  sequence.items.push(...inputs.map((input) => keyWith(adapter, input)));
}

/** Keys of the positions of an adapter's prefix. */
export function prefixKeys(adapter: AdapterHandle | null): ItemKey[] {
  return Array.from({ length: adapter?.nPrefix ?? 0 }, (_, i) => trainedKey(i));
}

/**
 * Called while the logits of input `index` of part `part` are in row `row`, in the order of parts and
 * inputs. `logits`, `argmax` and `sumExp` may be called with `row` until it returns.
 */
export type VisitLogits = (part: number, index: number, row: number) => void;

/** `x`: the rows a product of this weight reads, [nTok, stride] f32, a view that lasts for the call. */
export type InputObserver = (tensor: string, x: Float32Array, nTok: number, stride: number) => void;

export interface DecoderLimits {
  /** Positions a sequence may have. */
  readonly nCtx: number;
  /** Pages of PAGE_TOKENS positions, all sequences together. */
  readonly nPage: number;
  /** Inputs of a pass; more than `maxSequences`, so that a prompt advances beside all that decode. */
  readonly maxRows: number;
  /** Sequences that may hold pages at the same time. */
  readonly maxSequences: number;
}

export interface DecoderBackend {
  readonly config: ModelConfig;
  readonly limits: DecoderLimits;

  /**
   * One pass: evaluates the inputs of every part after what its sequence holds, appends their keys to
   * the sequences, then shows the logits that are wanted. Rows of one sequence see each other causally,
   * rows of different ones not at all, and the logits of a part do not depend on its mates, to the bit.
   *
   * The pass is over when it returns, or when the promise it returns settles. A promise must settle:
   * a decoder that reaches over a network sets a time limit itself. Until then nobody calls `forward` again,
   * changes a sequence of the pass or writes to its pages.
   * @throws {EngineError} E_REQUEST_INVALID for an id outside the vocabulary, E_INTERNAL for parts that
   *   break a limit, lack pages or name an adapter that is not held: all before anything is appended.
   *   E_STAGE_LOST when an isolate lost its pages: nothing that any sequence holds is in memory any more,
   *   and all texts must be evaluated again.
   */
  forward(parts: readonly BatchPart[], visit?: VisitLogits): void | Promise<void>;

  /** Logits of `row`, [nVocab] f32, to be read and not changed. */
  logits(row: number): Float32Array;
  /** The id of the largest logit; the first of equal ones. */
  argmax(row: number): number;
  /** Sum of e^(logit - top) over the row; `top` is its largest logit. */
  sumExp(row: number, top: number): number;

  /**
   * Vectors of a segment as rows that may stand in place of tokens: what a model of several modalities sees and hears.
   * Called between passes. For decoders that hold their projectors.
   * @param values [n, nIn] @returns [n, nEmbd]
   * @throws {EngineError} E_REQUEST_INVALID for a sense that the model lacks, and for vectors that it cannot take
   */
  project?(sense: SenseName, values: Float32Array): Float32Array;

  /** Copies all keys and values of a page. Passes that begin later see the copy. */
  copyPage(from: number, to: number): void;

  /**
   * Holds an adapter from now on, until it is dropped; one that is held already stays. Called between passes or
   * during one, for one adapter at a time. For decoders that can be adapted.
   * @throws {EngineError} E_MEMORY_BUDGET when the ones that are held leave no room; what `load` throws; then
   *   nothing is held.
   */
  holdAdapter?(source: AdapterSource): Promise<void>;
  /** Forgets an adapter that no part of a later pass names; a pass that runs may still use it. */
  dropAdapter?(id: string): void | Promise<void>;

  /** Gives up a pass that will not end, and what it waits for. For decoders whose passes are awaited. */
  reset?(): void;

  /**
   * Shows `observer` what every weight of the passes from now on is multiplied with; null ends it. For
   * calibration: a decoder that only serves may lack it.
   */
  observeInputs?(observer: InputObserver | null): void;
}
