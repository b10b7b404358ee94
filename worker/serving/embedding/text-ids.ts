/** Token ids that an encoder reads for a text: [CLS], prefix, text, [SEP]; cut or refused when too long. */
import { inTurns } from '../../../engine/base/turns.ts';
import type { Steps } from '../../../engine/base/turns.ts';
import { takeTurn } from '../../platform/turns.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import type { EncoderModel } from './find-encoder.ts';

/** Texts that are cut into tokens before others have a turn; a long one has turns of its own. */
const TEXTS_A_STEP = 32;

export const INPUT_TYPES = ['query', 'document'] as const;
export type InputType = (typeof INPUT_TYPES)[number];

export interface TextIdsOptions {
  /** Which of the model's prefixes to add; none by default. */
  readonly inputType?: InputType | undefined;
  /** Whether to cut a text that is too long at its end instead of refusing it. */
  readonly truncate: boolean;
  /** Name of a text in errors, by its index. */
  readonly nameOf: (index: number) => string;
}

/** A text, or its token ids without special tokens. */
export type EncoderInput = string | readonly number[];

/**
 * @throws {EngineError} E_REQUEST_INVALID or E_PROMPT_TOO_LONG naming the text by its index.
 */
export async function textIds(
  model: Pick<EncoderModel, 'manifest' | 'tokenizer'>,
  inputs: readonly EncoderInput[],
  options: TextIdsOptions,
): Promise<number[][]> {
  return await inTurns(textIdsSteps(model, inputs, options), takeTurn);
}

function* textIdsSteps(
  { manifest, tokenizer }: Pick<EncoderModel, 'manifest' | 'tokenizer'>,
  inputs: readonly EncoderInput[],
  { inputType, truncate, nameOf }: TextIdsOptions,
): Steps<number[][]> {
  const { maxTokens, nVocab, queryPrefix, documentPrefix } = manifest.config;
  const { bosId, eosIds } = manifest.tokenizer;
  const prefixes = { query: queryPrefix, document: documentPrefix };
  const prefix = inputType === undefined ? '' : prefixes[inputType];
  const [before, after] = [bosId === null ? [] : [bosId], eosIds.slice(0, 1)];
  const room = maxTokens - before.length - after.length;
  const made: number[][] = [];
  for (const [index, input] of inputs.entries()) {
    if (index % TEXTS_A_STEP === TEXTS_A_STEP - 1) yield;
    const name = nameOf(index);
    const ids =
      typeof input === 'string'
        ? yield* tokenizer.encodeSteps(prefix + checkText(input, name), { special: false })
        : withoutSpecial(checkIds(input, nVocab, name), before, after);
    if (ids.length > room && !truncate) throw tooLong(name, index, ids.length, room);
    made.push([...before, ...ids.slice(0, room), ...after]);
  }
  return made;
}

/** @throws {EngineError} E_REQUEST_INVALID for an empty one */
export function checkText(text: string, name: string): string {
  if (text.trim() !== '') return text;
  throw invalidField(name, 'is empty; expected a text. Remove it from the list');
}

function checkIds(ids: readonly number[], nVocab: number, name: string): readonly number[] {
  if (ids.length === 0)
    throw invalidField(name, 'is empty; expected token ids. Remove it from the list');
  const bad = ids.find((id) => id >= nVocab);
  if (bad === undefined) return ids;
  throw invalidField(name, `expected token ids below ${nVocab}, got ${bad}`);
}

/** Ids without the special tokens that a tokenizer may have put around them. */
function withoutSpecial(
  ids: readonly number[],
  before: readonly number[],
  after: readonly number[],
): readonly number[] {
  const isWhole = ids.length > 1 && ids[0] === before[0] && ids.at(-1) === after[0];
  return isWhole ? ids.slice(1, -1) : ids;
}

export function tooLong(name: string, index: number, tokens: number, room: number): EngineError {
  return new EngineError(
    'E_PROMPT_TOO_LONG',
    `${name}: expected at most ${room} tokens, got ${tokens}. Split the text, or set "truncate": true.`,
    { param: name, details: { index, tokens, maxTokens: room } },
  );
}
