/**
 * A grammar bound to a vocabulary, and positions in it. The intended use: pick a token as usual, ask
 * `isAllowedWithin`; only when it is refused compute the mask and pick again under it.
 */
import { EngineError } from '../../base/errors.ts';
import { Automaton } from './automaton.ts';
import type { Closing, Configuration } from './configuration.ts';
import { closingOf, followClosing, forcedBytes } from './closing.ts';
import { MAX_CLOSING_BYTES } from '../grammar.ts';
import type { Grammar } from '../grammar.ts';
import { DEFAULT_CACHE_BYTES, Masks } from './masks.ts';
import type { CacheBytes } from './masks.ts';
import { checkToken } from './vocabulary.ts';
import type { Vocabulary } from './vocabulary.ts';

/** A grammar ready to run; shared by all generations that use it on one vocabulary. */
export class GrammarProgram {
  readonly vocabulary: Vocabulary;
  readonly automaton: Automaton;
  readonly masks: Masks;
  /** Whether every byte of a completion is a token: then it never takes more tokens than bytes. */
  readonly hasByteTokens: boolean;
  readonly #endTokens: ReadonlySet<number>;

  /** @throws {EngineError} E_INTERNAL when the grammar is of another version */
  constructor(
    grammar: Grammar,
    vocabulary: Vocabulary,
    cacheBytes: CacheBytes = DEFAULT_CACHE_BYTES,
  ) {
    if (grammar.version !== 1)
      throw new EngineError(
        'E_INTERNAL',
        `grammar: version; expected 1, got ${String(grammar.version)}.`,
      );
    this.vocabulary = vocabulary;
    this.automaton = new Automaton(grammar);
    this.masks = new Masks(this.automaton, vocabulary, cacheBytes);
    this.#endTokens = new Set(vocabulary.endTokens);
    this.hasByteTokens = this.automaton.closingAlphabet().isSubsetOf(vocabulary.singles);
  }

  /** A matcher at the beginning. */
  start(): GrammarMatcher {
    return new GrammarMatcher(this, this.automaton.start);
  }

  isEndToken(token: number): boolean {
    return this.#endTokens.has(token);
  }

  /** Where `token` leads; null when it is refused. End tokens lead nowhere and stay. */
  next(from: Configuration, token: number): Configuration | null {
    if (this.#endTokens.has(token)) return from.canEnd ? from : null;
    const { bytes, offsets } = this.vocabulary;
    const end = offsets[token + 1]!;
    let at: Configuration | null = from;
    let i = offsets[token]!;
    if (i === end) return null;
    for (; i < end && at !== null; i++) at = this.automaton.step(at, bytes[i]!);
    return at;
  }
}

/** One generation's position. Cheap to fork; never goes back. */
export class GrammarMatcher {
  readonly #program: GrammarProgram;
  #at: Configuration;

  constructor(program: GrammarProgram, at: Configuration) {
    this.#program = program;
    this.#at = at;
  }

  /** An independent matcher at the same place. */
  fork(): GrammarMatcher {
    return new GrammarMatcher(this.#program, this.#at);
  }

  /** Whether the output so far is complete. */
  get canEnd(): boolean {
    return this.#at.canEnd;
  }

  /** Whether it is complete and nothing can follow. */
  get isComplete(): boolean {
    return this.#at.canEnd && this.#at.stacks.length === 1;
  }

  /** @throws {EngineError} E_REQUEST_INVALID when it is not an id of the vocabulary */
  isAllowed(token: number): boolean {
    checkToken(this.#program.vocabulary, token);
    return this.#program.next(this.#at, token) !== null;
  }

  /**
   * Whether `token` is allowed and the output can be completed afterwards with what is left of
   * `tokensLeft` tokens, `token` included. An end token needs none of them.
   */
  isAllowedWithin(token: number, tokensLeft: number): boolean {
    checkToken(this.#program.vocabulary, token);
    const next = this.#program.next(this.#at, token);
    if (next === null) return false;
    followClosing(this.#at, token, next);
    return this.#program.isEndToken(token) || this.#canClose(next, tokensLeft - 1);
  }

  /** @throws {EngineError} E_INTERNAL when the grammar refuses the token; nothing has changed then */
  accept(token: number): void {
    checkToken(this.#program.vocabulary, token);
    const next = this.#program.next(this.#at, token);
    if (next === null)
      throw new EngineError('E_INTERNAL', `grammar: token ${token} is not allowed here.`);
    followClosing(this.#at, token, next);
    this.#at = next;
  }

  /** Reads bytes that are not whole tokens. @returns false, with nothing changed, when they are refused */
  acceptBytes(bytes: Uint8Array): boolean {
    let at: Configuration | null = this.#at;
    for (const byte of bytes) {
      at = this.#program.automaton.step(at, byte);
      if (at === null) return false;
    }
    this.#at = at;
    return true;
  }

  /**
   * Allowed tokens as bits: token t is bit `t & 31` of word `t >> 5`, of [ceil(nVocab / 32)] words.
   * It belongs to a cache: read it before the next call, never write to it.
   */
  mask(): Uint32Array {
    return this.#program.masks.of(this.#at);
  }

  /** The mask without tokens after which the output could not be completed in `tokensLeft`. */
  maskWithin(tokensLeft: number): Uint32Array {
    const mask = this.mask().slice();
    for (let word = 0; word < mask.length; word++) {
      for (let bits = mask[word]!, bit = 0; bits !== 0; bits >>>= 1, bit++) {
        if ((bits & 1) === 0 || this.isAllowedWithin(word * 32 + bit, tokensLeft)) continue;
        mask[word]! &= ~(1 << bit);
      }
    }
    return mask;
  }

  /** Bytes that must follow, as long as there is only one way to go on; may be empty. */
  forced(): Uint8Array {
    return forcedBytes(this.#program.automaton, this.#at);
  }

  /**
   * Tokens of the shortest completion (fewest bytes, of those the first in order), spelled with the
   * fewest tokens; null when the vocabulary cannot spell it, or it is longer than MAX_CLOSING_BYTES.
   * Following it never lengthens it.
   */
  closing(): readonly number[] | null {
    const closing = closingOf(this.#program, this.#at);
    return closing && closing.tokens.slice(closing.from);
  }

  /** First token of `closing()`; null when the output is complete or there is no way to spell it. */
  get closingToken(): number | null {
    const closing = closingOf(this.#program, this.#at);
    return closing?.tokens[closing.from] ?? null;
  }

  /** Number of tokens of `closing()`; Infinity when it is null. */
  get closingLength(): number {
    return lengthOf(closingOf(this.#program, this.#at));
  }

  /** Bytes of the shortest completion: known without spelling it, however long it is. */
  get closingBytes(): number {
    return this.#at.minBytes;
  }

  /** A lower bound on the tokens of any completion, as if all were as long as the longest token. */
  get minClosingLength(): number {
    return Math.ceil(this.#at.minBytes / Math.max(1, this.#program.vocabulary.longestBytes));
  }

  #canClose(at: Configuration, tokens: number): boolean {
    if (tokens < 0) return false;
    // What cannot fit is not spelled: what a byte leads to may be longer than any memory.
    const { longestBytes } = this.#program.vocabulary;
    if (at.minBytes > Math.min(MAX_CLOSING_BYTES, tokens * longestBytes)) return false;
    if (this.#program.hasByteTokens && at.minBytes <= tokens) return true;
    return lengthOf(closingOf(this.#program, at)) <= tokens;
  }
}

function lengthOf(closing: Closing | null): number {
  return closing === null ? Infinity : closing.tokens.length - closing.from;
}
