/**
 * Guesses how a text goes on: as it did the last time its last tokens came (prompt look-up decoding,
 * github.com/apoorvumang/prompt-lookup-decoding). Knows no model.
 */

/** Lengths of the endings that are looked up, the longest first. */
const GRAM_LENGTHS = [4, 3, 2] as const;
/** How far back two equal endings are compared: longer matches are not more certain. */
const MAX_MATCH = 32;
/** Table entries for each token of text: three grams, half full. */
const ENTRIES_PER_TOKEN = 8;

export interface Match {
  /** Where the text went on after its ending came before. */
  readonly position: number;
  /** How many tokens the two endings share, 2 to MAX_MATCH. */
  readonly length: number;
}

/**
 * An index of every 2-, 3- and 4-gram of a growing text: the position after its last occurrence. A
 * hash table of fixed size in which later entries win; what it finds is compared with the text.
 */
export class PromptLookup {
  readonly #text: readonly number[];
  readonly #runStarts: readonly number[];
  readonly #entries: Int32Array;
  /** Grams that end before this position are in the table. */
  #nIndexed = 0;

  /**
   * @param text may grow, but must not change
   * @param maxTokens length of the text at most
   * @param runStarts for each token, and for the next: index of the first of its run; grows with the
   *   text. A match lies within one run, since rows lie between runs. Empty: one run.
   */
  constructor(text: readonly number[], maxTokens: number, runStarts: readonly number[] = []) {
    this.#text = text;
    this.#runStarts = runStarts;
    this.#entries = new Int32Array(2 ** Math.ceil(Math.log2(maxTokens * ENTRIES_PER_TOKEN)));
  }

  /** The last place before where the text ended as it does now, or null. */
  find(): Match | null {
    const text = this.#text;
    // The ending itself stays out: it would find nothing but itself.
    while (this.#nIndexed < text.length - 1) this.#index(++this.#nIndexed);
    const runLength = this.#runLength(text.length);
    for (const n of GRAM_LENGTHS) {
      const position = runLength < n ? 0 : this.#entries[this.#entryOf(text.length, n)]!;
      const length = position === 0 ? 0 : this.#commonEnding(position, runLength);
      if (length >= n) return { position, length };
    }
    return null;
  }

  /**
   * `n` tokens from `position` on; a text that ends first is taken to repeat from there. Fewer where
   * the run of `position` ends before the text does.
   */
  tokensFrom(position: number, n: number): number[] {
    const text = this.#text;
    const tokens: number[] = [];
    for (let at = position; tokens.length < n; at++) {
      if (at === text.length) at = position;
      if ((this.#runStarts[at] ?? 0) > position) break;
      tokens.push(text[at]!);
    }
    return tokens;
  }

  /** Enters the grams that end before `end`. */
  #index(end: number): void {
    const length = this.#runLength(end);
    for (const n of GRAM_LENGTHS) if (length >= n) this.#entries[this.#entryOf(end, n)] = end;
  }

  /** Tokens before `end` that the token at `end` goes on from. */
  #runLength(end: number): number {
    return end - (this.#runStarts[end] ?? 0);
  }

  #entryOf(end: number, n: number): number {
    let h = n;
    for (let i = end - n; i < end; i++) {
      h = Math.imul(h ^ this.#text[i]!, 0x9e3779b1);
      h ^= h >>> 15;
    }
    return h & (this.#entries.length - 1);
  }

  #commonEnding(position: number, runLength: number): number {
    const text = this.#text;
    const max = Math.min(this.#runLength(position), runLength, MAX_MATCH);
    let n = 0;
    while (n < max && text[position - 1 - n] === text[text.length - 1 - n]) n++;
    return n;
  }
}
