/**
 * SentencePiece's compiled rules that replace characters: a double-array trie over UTF-8 (Darts) and
 * the texts its values point to. At each place the longest match is replaced; what has none stays.
 * Reference: sentencepiece, src/normalizer.cc (NormalizePrefix) and third_party/darts_clone.
 */
import { EngineError } from '../base/errors.ts';
import { characterEnd, WordBytes } from './models/token-model.ts';

const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });
const NO_MATCH = -1;
/** Longest text a rule replaces, and replaces it with; real ones have a few dozen bytes. */
const MAX_RULE_BYTES = 256;

export class Charsmap {
  readonly #units: Uint32Array;
  readonly #texts: Uint8Array;
  readonly #input = new WordBytes();

  /** @throws {EngineError} E_TOKENIZER_INVALID for a size that the bytes do not have. */
  constructor(bytes: Uint8Array) {
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const trieBytes = bytes.length < 4 ? -1 : view.getUint32(0, true);
    if (trieBytes < 4 || trieBytes % 4 !== 0 || trieBytes > bytes.length - 4)
      throw new EngineError(
        'E_TOKENIZER_INVALID',
        `tokenizer: precompiled_charsmap; expected a trie in ${bytes.length} bytes, got ${trieBytes}. ` +
          'Fetch the model again.',
      );
    this.#units = Uint32Array.from({ length: trieBytes / 4 }, (_, i) =>
      view.getUint32(4 + i * 4, true),
    );
    this.#texts = bytes.slice(4 + trieBytes);
  }

  normalize(text: string): string {
    this.#input.set(text);
    const { bytes, length } = this.#input;
    let out = '';
    let kept = 0;
    for (let at = 0; at < length;) {
      const match = this.#longest(bytes, at, length);
      if (match === null) {
        at = characterEnd(bytes, at);
        continue;
      }
      out += decoder.decode(bytes.subarray(kept, at)) + this.#textAt(match.value);
      at = match.end;
      kept = at;
    }
    return kept === 0 ? text : out + decoder.decode(bytes.subarray(kept, length));
  }

  #longest(bytes: Uint8Array, start: number, end: number): { value: number; end: number } | null {
    const units = this.#units;
    let value = NO_MATCH;
    let matchEnd = start;
    let node = offsetOf(units[0]!);
    for (let at = start; at < Math.min(end, start + MAX_RULE_BYTES); at++) {
      node ^= bytes[at]!;
      const unit = units[node];
      // A label has the highest bit only in leaves, which no byte equals.
      if (unit === undefined || (unit & 0x800000ff) >>> 0 !== bytes[at]) break;
      node ^= offsetOf(unit);
      if ((unit & 0x100) === 0 || units[node] === undefined) continue;
      value = units[node]! & 0x7fffffff;
      matchEnd = at + 1;
    }
    return value === NO_MATCH ? null : { value, end: matchEnd };
  }

  #textAt(start: number): string {
    const rule = this.#texts.subarray(start, start + MAX_RULE_BYTES);
    const end = rule.indexOf(0);
    return decoder.decode(end < 0 ? rule : rule.subarray(0, end));
  }
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}
