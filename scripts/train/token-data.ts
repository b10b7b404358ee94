/** Texts as tokens to learn from: documents one after the other, each with a token that ends it. */
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import { Tokenizer } from '../../engine/text/tokenizer.ts';
import { PACK_FILE, packedRows } from '../data/packed.ts';
import { byteLevelTokenizerJson, END_TOKEN } from './byte-tokenizer.ts';
import type { TrainingConfig } from './config.ts';
import { readText } from './read-text.ts';
import type { Batch } from './training.ts';

export interface TokenData {
  readonly tokenizerJson: string;
  readonly tokenizer: Tokenizer;
  readonly endId: number;
  readonly train: Uint32Array;
  readonly heldOut: Uint32Array;
  readonly nDocument: number;
  readonly nChar: number;
}

/** @throws {EngineError} E_USAGE naming a file that cannot be learned from */
export async function readTokenData(
  { data, tokenizer: named, model }: Pick<TrainingConfig, 'data' | 'tokenizer' | 'model'>,
  onProgress: (nDocument: number, total: number) => void = () => undefined,
): Promise<TokenData> {
  const { tokenizerJson, tokenizer, endId } = await openTokenizer(named);
  const documents: string[] = [];
  for (const file of data.files) documents.push(...(await readDocuments(file, data.separator)));
  const parts: Uint32Array[] = [];
  for (const [i, text] of documents.entries()) {
    parts.push(Uint32Array.of(...tokenizer.encode(text, { special: false }), endId));
    if (i % 1000 === 0) onProgress(i, documents.length);
  }
  const nHeld = data.heldOut === 0 ? 0 : Math.max(1, Math.round(documents.length * data.heldOut));
  const [train, heldOut] = [joined(parts.slice(nHeld)), joined(parts.slice(0, nHeld))];
  if (train.length <= model.context)
    throw new EngineError(
      'E_USAGE',
      `data.files: ${train.length} tokens to learn from; expected more than the context, ${model.context}. Add text, or take a shorter context.`,
    );
  const nChar = documents.reduce((sum, { length }) => sum + length, 0);
  return {
    ...{ tokenizerJson, tokenizer, endId, train, heldOut },
    ...{ nDocument: documents.length, nChar },
  };
}

/** @throws {EngineError} E_USAGE for a tokenizer without a token that ends a text */
export async function openTokenizer(
  named: string,
): Promise<Pick<TokenData, 'tokenizerJson' | 'tokenizer' | 'endId'>> {
  const tokenizerJson =
    named === 'bytes' ? byteLevelTokenizerJson() : await readFile(named, 'utf8');
  const endId = findEnd(tokenizerJson, named);
  const tokenizer = Tokenizer.parse(tokenizerJson, { addBos: false, bosId: null, eosIds: [endId] });
  return { tokenizerJson, tokenizer, endId };
}

/** Random sequences of an update: the same for a seed and a step, so that a training goes on as if never cut. */
export function* trainBatches(
  tokens: Uint32Array,
  { seed, step, nSequence, atOnce, nContext }: BatchOptions,
): Generator<Batch, void, void> {
  const nStart = tokens.length - nContext;
  for (let first = 0; first < nSequence; first += atOnce) {
    const starts = Array.from({ length: atOnce }, (_, i) =>
      Math.floor(uniform(seed, step, first + i) * nStart),
    );
    yield batchAt(tokens, starts, nContext);
  }
}

export interface BatchOptions {
  readonly seed: number;
  readonly step: number;
  readonly nSequence: number;
  readonly atOnce: number;
  readonly nContext: number;
}

/** All of some tokens, in sequences that follow each other; the last batch is filled with what counts nothing. */
export function* heldOutBatches(
  tokens: Uint32Array,
  atOnce: number,
  nContext: number,
  maxBatch: number,
): Generator<Batch, void, void> {
  const nSequence = Math.floor((tokens.length - 1) / nContext);
  for (let first = 0, n = 0; first < nSequence && n < maxBatch; first += atOnce, n++)
    yield batchAt(
      tokens,
      Array.from({ length: atOnce }, (_, i) =>
        first + i < nSequence ? (first + i) * nContext : null,
      ),
      nContext,
    );
}

/** Sequences that begin at some places; null for one that counts nothing. */
function batchAt(tokens: Uint32Array, starts: readonly (number | null)[], nContext: number): Batch {
  const n = starts.length * nContext;
  const batch = {
    ...{ tokens: new Uint32Array(n), targets: new Uint32Array(n), weights: new Float32Array(n) },
  };
  for (const [i, start] of starts.entries()) {
    if (start === null) continue;
    const at = i * nContext;
    batch.tokens.set(tokens.subarray(start, start + nContext), at);
    batch.targets.set(tokens.subarray(start + 1, start + 1 + nContext), at);
    batch.weights.fill(1, at, at + nContext);
  }
  return batch;
}

async function readDocuments(file: string, separator: string): Promise<string[]> {
  if (basename(file) === PACK_FILE) return await readPacked(file);
  const text = await readText(file, 'data.files');
  return text
    .split(separator)
    .map((document) => document.trim())
    .filter((document) => document !== '');
}

async function readPacked(file: string): Promise<string[]> {
  const texts: string[] = [];
  for await (const { text } of packedRows(file)) texts.push(text.trim());
  return texts.filter((text) => text !== '');
}

/** The token that ends documents. */
function findEnd(json: string, name: string): number {
  const { added_tokens: added = [] } = JSON.parse(json) as {
    added_tokens?: readonly { readonly id: number; readonly content: string }[];
  };
  const names = [END_TOKEN, '</s>', '<|im_end|>', '<eos>'];
  const found = names.flatMap((one) => added.filter(({ content }) => content === one));
  if (found[0] !== undefined) return found[0].id;
  throw new EngineError(
    'E_USAGE',
    `tokenizer: ${name} has no token that ends a text; expected one of ${names.join(', ')}.`,
  );
}

function joined(parts: readonly Uint32Array[]): Uint32Array {
  const all = new Uint32Array(parts.reduce((sum, { length }) => sum + length, 0));
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** A value from 0 to 1 that three whole numbers decide (murmur3's finalizer over each). */
function uniform(...keys: readonly number[]): number {
  let hash = 0x9e3779b9;
  for (const key of keys) {
    hash = Math.imul(hash ^ key, 0x85ebca6b);
    hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2ae35);
    hash ^= hash >>> 16;
  }
  return (hash >>> 0) / 2 ** 32;
}
