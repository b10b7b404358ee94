/**
 * Finds stop strings in a text that arrives in parts, without letting any of a stop string's
 * characters out, even when it is split over parts. Holds back only what may still become one.
 */

export interface StopMatch {
  /** Text that is certain not to belong to a stop string. */
  readonly text: string;
  /** The stop string that was found, or null. */
  readonly stop: string | null;
}

export class StopMatcher {
  readonly #stops: readonly string[];
  #held = '';

  constructor(stops: readonly string[]) {
    this.#stops = stops.filter((stop) => stop !== '').map((stop) => stop.toWellFormed());
  }

  push(part: string): StopMatch {
    const text = this.#held + part;
    const found = this.#findFirst(text);
    if (found !== null) {
      this.#held = '';
      return { text: text.slice(0, found.index), stop: found.stop };
    }
    const held = heldLength(text, this.#stops);
    this.#held = text.slice(text.length - held);
    return { text: text.slice(0, text.length - held), stop: null };
  }

  /** The text ended without a stop string: what was held back is text after all. */
  flush(): string {
    const text = this.#held;
    this.#held = '';
    return text;
  }

  /** The earliest stop string; of two at one place the longer. */
  #findFirst(text: string): { index: number; stop: string } | null {
    let first: { index: number; stop: string } | null = null;
    for (const stop of this.#stops) {
      const index = text.indexOf(stop);
      if (index < 0) continue;
      const isBetter =
        first === null ||
        index < first.index ||
        (index === first.index && stop.length > first.stop.length);
      if (isBetter) first = { index, stop };
    }
    return first;
  }
}

/** Length of the longest end of `text` that begins one of `words` without being the whole of it. */
export function heldLength(text: string, words: readonly string[]): number {
  let longest = 0;
  for (const word of words) {
    const from = Math.min(word.length - 1, text.length);
    for (let length = from; length > longest; length--) {
      if (!word.startsWith(text.slice(text.length - length))) continue;
      longest = length;
      break;
    }
  }
  return longest;
}
