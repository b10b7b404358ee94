/** Sentences of an answer as it is written: each is a claim that is checked once it is whole. */
import { sentencesOf } from '../chunk-text.ts';
import type { Span } from '../chunk-text.ts';

/** A sentence without an end is cut after so many characters. */
export const MAX_CLAIM_CHARS = 1000;
/** A full stop after these ends no sentence. */
const ABBREVIATED =
  /(?:^|[\s(])(?:Mr|Mrs|Ms|Dr|Prof|St|No|Nos|approx|ca|vs|e\.g|i\.e|\p{Lu}|\d{1,3})\.$/u;

/** Sentences of a text, without the white space around them; "Dr. Holm" and "2. Rent" are not cut. */
export function claimsIn(text: string): Span[] {
  const claims: Span[] = [];
  for (const sentence of sentencesOf(text)) {
    const last = claims.at(-1);
    const isJoined =
      last !== undefined &&
      ABBREVIATED.test(text.slice(Math.max(last.start, last.end - 10), last.end)) &&
      !text.slice(last.end, sentence.start).includes('\n');
    if (isJoined) claims[claims.length - 1] = { start: last.start, end: sentence.end };
    else claims.push(sentence);
  }
  return claims;
}

/** A text that arrives in parts, as claims; white space before a claim goes with it. */
export class ClaimReader {
  #waiting = '';

  /** Claims that are whole now. */
  push(part: string): string[] {
    this.#waiting += part;
    const claims: string[] = [];
    while (this.#waiting.length > MAX_CLAIM_CHARS) {
      const blank = this.#waiting.lastIndexOf(' ', MAX_CLAIM_CHARS);
      claims.push(...this.#take(blank > 0 ? blank : MAX_CLAIM_CHARS));
    }
    if (!/[.!?\n]["'”’)\]]*\s+\S/.test(this.#waiting)) return claims;
    const last = claimsIn(this.#waiting).at(-1);
    if (last === undefined || last.start === 0) return claims;
    const before = this.#waiting.slice(0, last.start).trimEnd().length;
    return before === 0 ? claims : [...claims, ...this.#take(before)];
  }

  /** What still waits, when nothing follows. */
  end(): string[] {
    return this.#take(this.#waiting.length);
  }

  #take(length: number): string[] {
    const text = this.#waiting.slice(0, length);
    this.#waiting = this.#waiting.slice(length);
    const spans = claimsIn(text);
    return spans.map(({ end }, i) => text.slice(i === 0 ? 0 : spans[i - 1]!.end, end));
  }
}
