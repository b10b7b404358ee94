/**
 * Which tokens a text is part of: given to samplers, which know ids only, in place of a text (DRY's
 * breakers). Texts and tokens are compared as bytes, so that parts of characters are no special case.
 */
import { EngineError } from '../base/errors.ts';

/** The part of a tokenizer that is needed here. */
export interface Vocabulary {
  readonly nVocab: number;
  tokenBytes(id: number): Uint8Array;
}

/** A text that more tokens contain is too common to separate anything: ' ' or 'e'. */
export const MAX_CONTAINING_TOKENS = 16_384;
/** Texts whose tokens are remembered for a vocabulary. */
const MAX_KEPT = 32;
const kept = new WeakMap<Vocabulary, Map<string, readonly number[]>>();

/**
 * Ids of all tokens whose bytes contain one of the texts, ascending.
 * @param param the request's field the texts come from
 * @throws {EngineError} E_REQUEST_INVALID when more than MAX_CONTAINING_TOKENS contain one.
 */
export function tokensContaining(
  vocabulary: Vocabulary,
  texts: readonly string[],
  param: string,
): number[] {
  const found = kept.get(vocabulary) ?? new Map<string, readonly number[]>();
  kept.set(vocabulary, found);
  const missing = texts.filter((text) => !found.has(text));
  const ids = new Set(texts.flatMap((text) => found.get(text) ?? []));
  if (missing.length > 0) {
    if (found.size + missing.length > MAX_KEPT) found.clear();
    for (const [text, tokens] of search(vocabulary, missing)) {
      if (tokens.length > MAX_CONTAINING_TOKENS) throw tooMany(param, text, tokens.length);
      found.set(text, tokens);
      for (const token of tokens) ids.add(token);
    }
  }
  return [...ids].sort((a, b) => a - b);
}

function search(vocabulary: Vocabulary, texts: readonly string[]): Map<string, number[]> {
  const encoder = new TextEncoder();
  const wanted = texts.map((text) => ({ bytes: encoder.encode(text), tokens: [] as number[] }));
  for (let id = 0; id < vocabulary.nVocab; id++) {
    const token = vocabulary.tokenBytes(id);
    for (const { bytes, tokens } of wanted) if (contains(token, bytes)) tokens.push(id);
  }
  return new Map(texts.map((text, i) => [text, wanted[i]!.tokens]));
}

function contains(all: Uint8Array, part: Uint8Array): boolean {
  for (let at = all.indexOf(part[0]!); at >= 0; at = all.indexOf(part[0]!, at + 1))
    if (part.every((byte, i) => all[at + i] === byte)) return true;
  return false;
}

function tooMany(param: string, text: string, nToken: number): EngineError {
  return new EngineError(
    'E_REQUEST_INVALID',
    `${param}: ${nToken} tokens contain ${JSON.stringify(text)}; expected at most ` +
      `${MAX_CONTAINING_TOKENS}. Use texts that stand between sentences or speakers.`,
    { param, details: { text, nToken } },
  );
}
