/**
 * A grammar over one generation: which token may follow, and a valid end before the last token. Texts
 * depend on the request alone: a token is drawn freely, and only where the grammar refuses it, it
 * is drawn again among those that it allows.
 */
import { EngineError } from '../base/errors.ts';
import { RecentCache } from '../base/recent-cache.ts';
import { MAX_CLOSING_BYTES } from '../grammar/grammar.ts';
import type { Grammar } from '../grammar/grammar.ts';
import { GrammarProgram } from '../grammar/run/matcher.ts';
import type { GrammarMatcher } from '../grammar/run/matcher.ts';
import type { Vocabulary } from '../grammar/run/vocabulary.ts';
import type { TokenFilter } from '../sample/chain.ts';

/** The grammar that a completion must match. */
export interface ConstraintRequest {
  readonly grammar: Grammar;
  /** Equal grammars have equal keys: their program and its masks are kept for the next request. */
  readonly key: string;
}

/** Programs that are kept; each caches masks. */
const MAX_PROGRAMS = 2;
/** Cache of one program: the isolate's memory is mostly weights. */
const CACHE_BYTES = { masks: 192 * 1024, interiors: 256 * 1024 };

/** The programs of one vocabulary that were used last. */
export class GrammarPrograms {
  readonly #vocabulary: Vocabulary;
  readonly #programs = new RecentCache<string, GrammarProgram>({ maxEntries: MAX_PROGRAMS });

  constructor(vocabulary: Vocabulary) {
    this.#vocabulary = vocabulary;
  }

  of({ grammar, key }: ConstraintRequest): GrammarProgram {
    const known = this.#programs.get(key);
    if (known !== undefined) return known;
    const program = new GrammarProgram(grammar, this.#vocabulary, CACHE_BYTES);
    this.#programs.set(key, program);
    return program;
  }
}

export class Constraint implements TokenFilter {
  readonly #program: GrammarProgram;
  readonly #matcher: GrammarMatcher;
  /** Tokens that may still come. */
  #left: number;
  /** Whether a token was refused only because there was no room for an end after it. */
  isCut = false;

  /**
   * @param maxTokens tokens there is room for
   * @throws {EngineError} E_REQUEST_INVALID when nothing that matches is that short
   */
  constructor(program: GrammarProgram, maxTokens: number) {
    this.#program = program;
    this.#matcher = program.start();
    this.#left = maxTokens;
    if (this.#matcher.closingLength > maxTokens) throw tooLong(this.#matcher, maxTokens);
  }

  /** Whether nothing may follow. */
  get isComplete(): boolean {
    return this.#matcher.isComplete;
  }

  /** Whether `token` is not text but the end. */
  isEnd(token: number): boolean {
    return this.#program.isEndToken(token);
  }

  allows(token: number): boolean {
    if (this.#matcher.isAllowedWithin(token, this.#left)) return true;
    // Refused only for lack of room: the end that comes instead is not the model's own.
    if (this.#matcher.isAllowed(token)) this.isCut = true;
    return false;
  }

  mask(): Uint32Array {
    return this.#matcher.mask();
  }

  /** `token`, or the next token of the shortest end where `token` leaves no room for one. */
  settle(token: number): number | null {
    return this.allows(token) ? token : this.#matcher.closingToken;
  }

  accept(token: number): void {
    this.#matcher.accept(token);
    this.#left--;
  }
}

/** For an output that is too long to be spelled, only a lower bound of its tokens is known. */
function tooLong(matcher: GrammarMatcher, maxTokens: number): EngineError {
  const { closingBytes, closingLength, minClosingLength } = matcher;
  const isSpelled = Number.isFinite(closingLength);
  const least = isSpelled ? closingLength : minClosingLength;
  if (least > maxTokens)
    return new EngineError(
      'E_REQUEST_INVALID',
      `max_tokens: the shortest output that matches takes ${isSpelled ? '' : 'at least '}${least} ` +
        `tokens; expected at least as many, there is room for ${maxTokens}. Raise it, or shorten the prompt.`,
      { param: 'max_tokens', details: { least } },
    );
  return new EngineError(
    'E_REQUEST_INVALID',
    closingBytes > MAX_CLOSING_BYTES
      ? `response_format: the shortest output that matches has ${closingBytes} bytes; expected at most ${MAX_CLOSING_BYTES}. Ask for less.`
      : 'response_format: the vocabulary of this model cannot spell what the grammar asks for. Use another grammar or model.',
    { param: 'response_format', details: { least: closingLength } },
  );
}
