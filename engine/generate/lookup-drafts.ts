/**
 * Drafts from the text itself, by how it went on before. Every prediction is compared with the token
 * that comes, drafted or not, so that drafts stop when they fail and come back when they would have
 * been right.
 */
import type { Drafts } from './drafts.ts';
import { PromptLookup } from './prompt-lookup.ts';
import type { Match } from './prompt-lookup.ts';

/** Classes of matches by their least length, with a first guess of how often their next token is right. */
const CLASSES = [
  { minLength: 12, prior: 0.9 },
  { minLength: 7, prior: 0.8 },
  { minLength: 4, prior: 0.7 },
  { minLength: 3, prior: 0.5 },
  { minLength: 0, prior: 0.3 },
] as const;
/** Weight of the latest token in a class's rate: some ten tokens are remembered. */
const RATE_WEIGHT = 0.12;

export class LookupDrafts implements Drafts {
  /** Looking up takes microseconds. */
  readonly tokenCost = 0;
  nHeld = 0;
  readonly #text: readonly number[];
  readonly #maxTokens: number;
  readonly #runStarts: readonly number[];
  /** Made when first asked: an index takes memory. */
  #lookup: PromptLookup | null = null;
  readonly #rates = CLASSES.map(({ prior }) => prior as number);
  #match: Match | null = null;
  #class = 0;
  #predicted: readonly number[] = [];

  /** Parameters as those of PromptLookup. */
  constructor(text: readonly number[], maxTokens: number, runStarts: readonly number[] = []) {
    this.#text = text;
    this.#maxTokens = maxTokens;
    this.#runStarts = runStarts;
  }

  predict(): number {
    this.#lookup ??= new PromptLookup(this.#text, this.#maxTokens, this.#runStarts);
    const match = this.#lookup.find();
    this.#match = match;
    this.nHeld = 0;
    if (match === null) {
      this.#predicted = [];
      return 0;
    }
    this.#predicted = this.#lookup.tokensFrom(match.position, 1);
    this.#class = CLASSES.findIndex(({ minLength }) => match.length >= minLength);
    return this.#rates[this.#class]!;
  }

  take(n: number): readonly number[] {
    if (this.#match === null || this.#lookup === null) return [];
    this.#predicted = this.#lookup.tokensFrom(this.#match.position, n);
    return this.#predicted;
  }

  settle(token: number): void {
    const predicted = this.#predicted[this.nHeld];
    if (predicted === undefined) return;
    const held = predicted === token;
    this.#rates[this.#class]! += RATE_WEIGHT * ((held ? 1 : 0) - this.#rates[this.#class]!);
    if (held) this.nHeld++;
    else this.#predicted = [];
  }

  close(): void {
    this.#lookup = null;
    this.#match = null;
  }
}
