/** Pairs of texts as tokens: JSONL, {"a": "...", "b": "..."} a line. */
import { z } from 'zod';
import { EngineError } from '../../engine/base/errors.ts';
import type { Tokenizer } from '../../engine/text/tokenizer.ts';
import { SeededRandom } from '../lib/seeded-random.ts';
import { shuffled } from '../lib/shuffled.ts';
import type { TrainingConfig } from './config.ts';
import type { PairBatch } from './pair-training.ts';
import { readText } from './read-text.ts';
import { openTokenizer } from './token-data.ts';

/** Both texts of a pair, each with the token that ends it. */
export type TokenPair = readonly [a: Uint32Array, b: Uint32Array];

export interface PairData {
  readonly tokenizerJson: string;
  readonly tokenizer: Tokenizer;
  readonly endId: number;
  readonly train: readonly TokenPair[];
  readonly heldOut: readonly TokenPair[];
  /** Texts that were cut at the context. */
  readonly nCut: number;
}

const row = z.object({ a: z.string().min(1), b: z.string().min(1) });
/** Pairs are held in memory. */
const MAX_PAIRS = 100_000;
/** So that pairs are divided otherwise than they are ordered. */
const DIVISION_SALT = 0x9a125;

/** @throws {EngineError} E_USAGE naming a file, a line and a field, and for fewer pairs than an update takes */
export async function readPairData(config: TrainingConfig): Promise<PairData> {
  const { data, model, training, seed, tokenizer: named } = config;
  const { tokenizerJson, tokenizer, endId } = await openTokenizer(named);
  let nCut = 0;
  const encode = (text: string): Uint32Array => {
    const ids = [...tokenizer.encode(text, { special: false }), endId];
    if (ids.length > model.context) nCut++;
    return Uint32Array.from(ids.slice(0, model.context));
  };
  const pairs: TokenPair[] = [];
  for (const file of data.files)
    for (const [i, line] of (await readText(file, 'data.files')).split('\n').entries())
      if (line.trim() !== '') {
        const { a, b } = parsePair(line, `${file}: line ${i + 1}`);
        pairs.push([encode(a), encode(b)]);
      }
  const nHeld = data.heldOut === 0 ? 0 : Math.max(1, Math.round(pairs.length * data.heldOut));
  const mixed = shuffled(new SeededRandom(seed ^ DIVISION_SALT), pairs);
  const [train, heldOut] = [mixed.slice(nHeld), mixed.slice(0, nHeld)];
  if (pairs.length > MAX_PAIRS || train.length < training.sequences)
    throw new EngineError(
      'E_USAGE',
      `data.files: ${train.length} pairs to learn from; expected ${training.sequences} (training.sequences) to ${MAX_PAIRS}. Add pairs, or take fewer a step.`,
    );
  return { tokenizerJson, tokenizer, endId, train, heldOut, nCut };
}

function parsePair(line: string, where: string): z.output<typeof row> {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    throw new EngineError('E_USAGE', `${where}: is not JSON. Write {"a": "...", "b": "..."}.`);
  }
  const parsed = row.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw new EngineError(
    'E_USAGE',
    `${where}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is invalid'}. Write {"a": "...", "b": "..."}.`,
  );
}

/** Pairs of update `step`: all of them in another order each time they are seen; those left over at the end are not. */
export function pairsOf(
  train: readonly TokenPair[],
  { seed, step, nPair }: { readonly seed: number; readonly step: number; readonly nPair: number },
): readonly TokenPair[] {
  const perEpoch = Math.floor(train.length / nPair);
  const [epoch, at] = [Math.floor(step / perEpoch), step % perEpoch];
  return shuffled(new SeededRandom(seed + epoch), train).slice(at * nPair, (at + 1) * nPair);
}

/** Whole batches of pairs that were held out. */
export function* heldOutPairs(
  heldOut: readonly TokenPair[],
  nPair: number,
  nContext: number,
  most: number,
): Generator<PairBatch, void, void> {
  for (let i = 0; i < most && (i + 1) * nPair <= heldOut.length; i++)
    yield batchOf(heldOut.slice(i * nPair, (i + 1) * nPair), nContext);
}

/** Texts side by side, filled up after their ends with what counts nothing. */
export function batchOf(pairs: readonly TokenPair[], nContext: number): PairBatch {
  const tokens = new Uint32Array(2 * pairs.length * nContext);
  const shares = new Float32Array(tokens.length);
  const texts = [...pairs.map(([a]) => a), ...pairs.map(([, b]) => b)];
  for (const [i, text] of texts.entries()) {
    tokens.set(text, i * nContext);
    shares.fill(1 / text.length, i * nContext, i * nContext + text.length);
  }
  return { tokens, shares };
}
