/**
 * Low-rank adapters (LoRA, arXiv 2106.09685; activated LoRA, arXiv 2504.12397) as files hold them, in names and
 * row orders of the base they are for. Knows no file format and no memory.
 */
import { EngineError } from '../base/errors.ts';
import type { ModelConfig } from '../manifest/manifest.ts';
import { MAX_ADAPTER_RANK } from '../model/decoder/plan.ts';

/** What has to be known of a base to read an adapter for it; a decoder's manifest is one. */
export interface AdapterBase {
  readonly architecture: string;
  readonly config: ModelConfig;
}

/** Row-major f32: `a` [rank, nCol], `b` [nRow, rank]. */
export interface FloatPair {
  readonly a: Float32Array;
  readonly b: Float32Array;
}

export interface Adapter {
  /** Rank of every pair: those that have less in the file are filled up with zeros. */
  readonly rank: number;
  readonly alpha: number;
  /** Factor of what the pairs add. */
  readonly scale: number;
  /** By the name of the weight, such as `layers.0.qProj`, with rows in the order of the base. */
  readonly pairs: ReadonlyMap<string, FloatPair>;
  /** Tokens from whose last occurrence in a prompt on it applies; null for one that always does. */
  readonly activation: readonly number[] | null;
  /** What its file calls the model it was made for. */
  readonly baseName: string | null;
}

/** A pair as it was read, with a rank and a factor of its own. */
export interface ReadPair extends FloatPair {
  readonly rank: number;
  readonly scale: number;
}

/** Tokens that activate an adapter: a few words at most. */
export const MAX_ACTIVATION_TOKENS = 256;

/** Pairs of several ranks and factors as an adapter of one. @throws {EngineError} E_ADAPTER_UNSUPPORTED without pairs */
export function adapterOf(
  where: string,
  pairs: ReadonlyMap<string, ReadPair>,
  facts: Pick<Adapter, 'alpha' | 'activation' | 'baseName'>,
): Adapter {
  const [first] = pairs.values();
  if (first === undefined)
    throw unsupported(where, 'has no pair of matrices', 'lora_A and lora_B of at least one weight');
  const rank = Math.max(...[...pairs.values()].map((pair) => pair.rank));
  const { scale } = first;
  const filled = [...pairs].map(([name, pair]) => [name, withRank(pair, rank, scale)] as const);
  return { ...facts, rank, scale, pairs: new Map(filled) };
}

/** The same product with `rank` rows of `a` and a factor of `scale`. */
function withRank({ a, b, rank: own, scale: ownScale }: ReadPair, rank: number, scale: number) {
  if (own === rank && ownScale === scale) return { a, b };
  const nRow = b.length / own;
  const wideA = new Float32Array((a.length / own) * rank);
  wideA.set(a);
  const wideB = new Float32Array(nRow * rank);
  const factor = scale === 0 ? 0 : ownScale / scale;
  for (let row = 0; row < nRow; row++)
    for (let r = 0; r < own; r++) wideB[row * rank + r] = b[row * own + r]! * factor;
  return { a: wideA, b: wideB };
}

/** @throws {EngineError} E_ADAPTER_UNSUPPORTED for a rank that kernels have no room for */
export function checkRank(where: string, rank: number): void {
  if (Number.isInteger(rank) && rank >= 1 && rank <= MAX_ADAPTER_RANK) return;
  throw unsupported(where, `has rank ${rank}`, `1 to ${MAX_ADAPTER_RANK}`, { rank });
}

/**
 * Invocation tokens as files list them: null for an adapter that always applies.
 * @throws {EngineError} E_ADAPTER_UNSUPPORTED for ids that the base does not have, or too many
 */
export function readActivation(
  where: string,
  value: unknown,
  { config: { nVocab } }: AdapterBase,
): readonly number[] | null {
  if (value === undefined || value === null) return null;
  const ids: unknown[] = Array.isArray(value) ? value : [value];
  const isId = (id: unknown): id is number =>
    typeof id === 'number' && Number.isInteger(id) && id >= 0 && id < nVocab;
  if (ids.length >= 1 && ids.length <= MAX_ACTIVATION_TOKENS && ids.every(isId)) return ids;
  throw unsupported(
    where,
    'has impossible invocation tokens',
    `1 to ${MAX_ACTIVATION_TOKENS} token ids below ${nVocab}`,
    { invocationTokens: ids.length },
  );
}

/** What an adapter asks for and nothing here does. */
export function unsupported(
  where: string,
  what: string,
  expected: string,
  details: Readonly<Record<string, unknown>> = {},
): EngineError {
  return new EngineError(
    'E_ADAPTER_UNSUPPORTED',
    `${where}: ${what}; expected ${expected}. Train or convert the adapter without it (docs/adapters.md).`,
    { details },
  );
}

/** An adapter that was made for another model. */
export function otherBase(
  where: string,
  what: string,
  expected: string,
  details: Readonly<Record<string, unknown>> = {},
): EngineError {
  return new EngineError(
    'E_ADAPTER_BASE',
    `${where}: ${what}; expected ${expected}. The adapter was made for another model: add it to that one.`,
    { details },
  );
}
