/** What every vocabulary becomes in a tokenizer.json: added tokens, pieces by id; and their bounds. */
import { EngineError } from '../base/errors.ts';

export const MAX_VOCAB = 1_000_000;
const MAX_PIECE_CHARS = 4096;
export const METASPACE = '\u2581';

/** Types of tokens, by the same numbers in GGUF files and in SentencePiece's. */
export const TOKEN_TYPE = {
  normal: 1,
  unknown: 2,
  control: 3,
  userDefined: 4,
  unused: 5,
  byte: 6,
} as const;

export function failTokenizer(message: string, details: Record<string, unknown> = {}): never {
  throw new EngineError('E_TOKENIZER_INVALID', `tokenizer: ${message}`, { details });
}

/** @param userDefinedNormalized whether user-defined tokens are looked for in normalized text */
export function addedTokens(
  tokens: readonly string[],
  special: readonly number[],
  userDefined: readonly number[],
  userDefinedNormalized = false,
): Record<string, unknown>[] {
  const flags = { single_word: false, lstrip: false, rstrip: false };
  const all = [
    ...special.map((id) => ({ id, special: true, normalized: false })),
    ...userDefined.map((id) => ({ id, special: false, normalized: userDefinedNormalized })),
  ].sort((a, b) => a.id - b.id);
  return all
    .filter(({ id }) => tokens[id] !== '')
    .map(({ id, special, normalized }) => {
      return { id, content: tokens[id], ...flags, normalized, special };
    });
}

/** Pieces as they are, but each only once: the later of two equal ones gets a name of its own. */
export function distinctPieces(tokens: readonly string[]): string[] {
  const seen = new Set<string>();
  return tokens.map((token, id) => {
    const name = seen.has(token) ? `[duplicate ${id}]` : token;
    seen.add(name);
    return name;
  });
}

/** `fromEntries` defines own properties, so a token named `__proto__` stays a token. */
export function vocabObject(tokens: readonly string[]): Record<string, number> {
  return Object.fromEntries(distinctPieces(tokens).map((token, id) => [token, id]));
}

export function idsOfType(types: readonly number[] | null, wanted: readonly number[]): number[] {
  const ids: number[] = [];
  types?.forEach((type, id) => wanted.includes(type) && ids.push(id));
  return ids;
}

/** @throws {EngineError} E_TOKENIZER_INVALID for too few, too many or too long tokens. */
export function checkTokens(tokens: readonly string[]): void {
  if (tokens.length === 0 || tokens.length > MAX_VOCAB)
    failTokenizer(`vocabulary; expected 1 to ${MAX_VOCAB} tokens, got ${tokens.length}.`);
  const long = tokens.findIndex((token) => token.length > MAX_PIECE_CHARS);
  if (long >= 0)
    failTokenizer(
      `token ${long}; expected at most ${MAX_PIECE_CHARS} characters, got ${tokens[long]?.length}.`,
    );
}
