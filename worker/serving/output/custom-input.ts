/**
 * The input of a custom tool from the arguments that a model writes for it, {"input": "..."}: a JSON string whose
 * text is passed on as it arrives.
 */
import { type Delta, isOf } from '../generation/run-generation.ts';
import type { OtherDelta } from '../redaction/restore-output.ts';

/** The one argument of a custom tool. */
export const INPUT_ARGUMENT = 'input';

const SHORT: Readonly<Record<string, string>> = {
  ...{ b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' },
};
const N_HEX = 4;

/** Reads what the grammar of such a call allows: an object whose only value is a string. */
export class InputReader {
  /** Quotes of the name and of the value that have been read: the value is between the third and the fourth. */
  #nQuote = 0;
  /** An escape that is not complete. */
  #escape = '';
  /** The first half of a pair of UTF-16 escapes: alone it is no character. */
  #half = '';

  /** @param part more of the arguments @returns more of the input */
  push(part: string): string {
    let text = '';
    for (const char of part) text += this.#take(char);
    return text;
  }

  #take(char: string): string {
    if (this.#escape !== '') return this.#takeEscape(char);
    if (char === '\\') {
      this.#escape = char;
      return '';
    }
    if (char === '"') {
      this.#nQuote++;
      return '';
    }
    return this.#nQuote === VALUE_QUOTE ? char : '';
  }

  #takeEscape(char: string): string {
    this.#escape += char;
    const kind = this.#escape[1] ?? '';
    if (kind === 'u' && this.#escape.length < 2 + N_HEX) return '';
    const code = kind === 'u' ? parseInt(this.#escape.slice(2), 16) : NaN;
    this.#escape = '';
    if (this.#nQuote !== VALUE_QUOTE) return '';
    if (kind !== 'u') return SHORT[kind] ?? kind;
    const unit = this.#half + String.fromCharCode(code);
    this.#half = isHighSurrogate(code) ? unit : '';
    return this.#half === '' ? unit : '';
  }
}

/** Quotes before the text of the value. */
const VALUE_QUOTE = 3;

const isHighSurrogate = (code: number): boolean => code >= 0xd800 && code <= 0xdbff;

/** Deltas whose calls of custom tools have inputs in the place of arguments. @param names of the custom tools */
export async function* withInputs<Other extends OtherDelta = never>(
  names: ReadonlySet<string>,
  deltas: AsyncIterable<Delta | Other>,
): AsyncGenerator<Delta | Other, void, void> {
  /** By choice, for the call that is open there. */
  const readers = new Map<number, InputReader>();
  for await (const delta of deltas) {
    if (isOf(delta, 'call')) {
      readers.delete(delta.choice);
      if (names.has(delta.name)) readers.set(delta.choice, new InputReader());
    }
    const reader = readers.get(delta.choice);
    if (!isOf(delta, 'arguments') || reader === undefined) {
      yield delta;
      continue;
    }
    const text = reader.push(delta.text);
    if (text !== '') yield { ...delta, text };
  }
}
