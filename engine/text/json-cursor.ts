/**
 * Reads JSON from bytes without building objects of it: vocabularies have hundreds of thousands of
 * entries, and as objects they take ten times the room of their text. Hostile input: every step is
 * checked against the end, nothing recurses.
 * Grammar: RFC 8259.
 */
import { EngineError } from '../base/errors.ts';

const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const COMMA = 0x2c;
const COLON = 0x3a;
const SPACE = 0x20;
const ZERO = 0x30;
/** Digits of which any number is exact. */
const MAX_FAST_DIGITS = 15;
const SPACES: ReadonlySet<number> = new Set([SPACE, 0x09, 0x0a, 0x0d]);
const OPENING: ReadonlySet<number> = new Set([0x7b, 0x5b]);
const CLOSING: ReadonlySet<number> = new Set([0x7d, 0x5d]);
/** What may follow a number or a word. */
const ENDS_SCALAR: ReadonlySet<number> = new Set([...SPACES, ...CLOSING, COMMA]);
/** Escapes of one letter, by the letter. */
const ESCAPES: ReadonlyMap<number, number> = new Map(
  Object.entries({
    '"': '"',
    '\\': '\\',
    '/': '/',
    b: '\b',
    f: '\f',
    n: '\n',
    r: '\r',
    t: '\t',
  }).map(([letter, char]) => [letter.charCodeAt(0), char.charCodeAt(0)]),
);
const REPLACEMENT = 0xfffd;

/** Bytes from `start` to `end` (exclusive). */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });

export class JsonCursor {
  readonly bytes: Uint8Array;
  #at: number;
  readonly #end: number;
  #scratch: Uint8Array = new Uint8Array(256);
  /** The last string read: its UTF-8 in `text` from `textStart` to `textEnd`, until the next one. */
  text: Uint8Array = this.#scratch;
  textStart = 0;
  textEnd = 0;

  constructor(bytes: Uint8Array, range: ByteRange = { start: 0, end: bytes.length }) {
    this.bytes = bytes;
    this.#at = range.start;
    this.#end = range.end;
  }

  /** The next byte that is not white space; -1 at the end. */
  peek(): number {
    // The usual case first: this runs once a token.
    while (this.#at < this.#end && this.bytes[this.#at]! <= SPACE) {
      if (!SPACES.has(this.bytes[this.#at]!)) break;
      this.#at++;
    }
    return this.#at < this.#end ? this.bytes[this.#at]! : -1;
  }

  /** Whether the next character is `char`; it is then taken. */
  takes(char: string): boolean {
    if (this.peek() !== char.charCodeAt(0)) return false;
    this.#at++;
    return true;
  }

  /** @throws {EngineError} E_TOKENIZER_INVALID when the next character is another. */
  expect(char: string): void {
    if (!this.takes(char)) throw this.#broken(`'${char}'`);
  }

  /** Calls `item` at the start of each item of an array or object; it reads the whole item. */
  items(open: '[' | '{', item: () => void): void {
    this.expect(open);
    const close = open === '[' ? ']' : '}';
    if (this.takes(close)) return;
    do item();
    while (this.takes(','));
    this.expect(close);
  }

  /** Calls `member` with each name of an object, at the start of its value; it reads the value. */
  members(member: (name: string) => void): void {
    this.items('{', () => {
      this.string();
      const name = decoder.decode(this.text.subarray(this.textStart, this.textEnd));
      this.expect(':');
      member(name);
    });
  }

  /** Reads a string; its bytes are in `text`. */
  string(): void {
    this.expect('"');
    const { bytes } = this;
    const start = this.#at;
    let at = start;
    while (at < this.#end && bytes[at] !== QUOTE && bytes[at] !== BACKSLASH) at++;
    if (bytes[at] === QUOTE && at < this.#end) {
      this.text = bytes;
      this.textStart = start;
      this.textEnd = at;
      this.#at = at + 1;
    } else this.#escapedString(at);
  }

  number(): number {
    this.peek();
    const start = this.#at;
    let whole = 0;
    let at = start;
    for (let digit; at < this.#end && (digit = this.bytes[at]! - ZERO) >= 0 && digit <= 9; at++)
      whole = whole * 10 + digit;
    this.#scalar();
    if (this.#at === at && at - start <= MAX_FAST_DIGITS) return whole;
    const text = decoder.decode(this.bytes.subarray(start, this.#at));
    const value = /^-?\d/.test(text) ? Number(text) : NaN;
    if (Number.isNaN(value)) throw this.#broken('a number');
    return value;
  }

  /** Passes over the next value, whose content is not checked. */
  skip(): ByteRange {
    this.peek();
    const start = this.#at;
    let depth = 0;
    do {
      const byte = this.peek();
      if (byte < 0) throw this.#broken('a value');
      if (byte === QUOTE) this.#skipString();
      else if (OPENING.has(byte)) {
        depth++;
        this.#at++;
      } else if (CLOSING.has(byte)) {
        depth--;
        this.#at++;
      } else if (byte === COMMA || byte === COLON) {
        if (depth === 0) throw this.#broken('a value');
        this.#at++;
      } else this.#scalar();
    } while (depth > 0);
    if (depth < 0) throw this.#broken('a value');
    return { start, end: this.#at };
  }

  #scalar(): void {
    const start = this.#at;
    while (this.#at < this.#end && !ENDS_SCALAR.has(this.bytes[this.#at]!)) this.#at++;
    if (this.#at === start) throw this.#broken('a value');
  }

  #skipString(): void {
    let at = this.#at + 1;
    while (at < this.#end && this.bytes[at] !== QUOTE) at += this.bytes[at] === BACKSLASH ? 2 : 1;
    if (at >= this.#end) throw this.#broken('the end of a string');
    this.#at = at + 1;
  }

  /** The general case: the string, from where the cursor is, is copied; `at` is its first escape. */
  #escapedString(at: number): void {
    this.#skipStringFrom(at);
    const end = this.#at - 1;
    const start = this.textStart;
    if (this.#scratch.length < end - start) this.#scratch = new Uint8Array(2 * (end - start));
    const out = this.#scratch;
    let length = 0;
    for (let from = start; from < end;) {
      if (this.bytes[from] !== BACKSLASH) {
        out[length++] = this.bytes[from++]!;
        continue;
      }
      const escape = this.#escapeAt(from, end);
      // An escape is at least as long as what it stands for.
      length = putUtf8(out, length, escape.codePoint);
      from = escape.next;
    }
    this.text = out;
    this.textStart = 0;
    this.textEnd = length;
  }

  #skipStringFrom(at: number): void {
    this.textStart = this.#at;
    this.#at = at - 1;
    this.#skipString();
  }

  #escapeAt(at: number, end: number): { codePoint: number; next: number } {
    const letter = this.bytes[at + 1]!;
    const plain = ESCAPES.get(letter);
    if (plain !== undefined) return { codePoint: plain, next: at + 2 };
    const unit = this.#unitAt(at, end);
    if (unit === null) throw this.#broken('an escape of JSON');
    const low = unit >= 0xd800 && unit < 0xdc00 ? this.#unitAt(at + 6, end) : null;
    if (low !== null && low >= 0xdc00 && low < 0xe000)
      return { codePoint: 0x10000 + ((unit - 0xd800) << 10) + (low - 0xdc00), next: at + 12 };
    const isLone = unit >= 0xd800 && unit < 0xe000;
    return { codePoint: isLone ? REPLACEMENT : unit, next: at + 6 };
  }

  /** The UTF-16 unit of an escape at `at`; null when there is none. */
  #unitAt(at: number, end: number): number | null {
    if (at + 6 > end) return null;
    const match = /^\\u([0-9A-Fa-f]{4})$/.exec(decoder.decode(this.bytes.subarray(at, at + 6)));
    return match === null ? null : Number.parseInt(match[1]!, 16);
  }

  #broken(expected: string): EngineError {
    return new EngineError(
      'E_TOKENIZER_INVALID',
      `tokenizer.json: broken at byte ${this.#at}; expected ${expected}. Import the model again.`,
      { details: { at: this.#at } },
    );
  }
}

/** What the first byte of a character begins with, by how many follow. */
const LEAD_BITS = [0, 0xc0, 0xe0, 0xf0];

/** Writes a code point's UTF-8 to `out` at `at`; gives where it ends. */
function putUtf8(out: Uint8Array, at: number, codePoint: number): number {
  if (codePoint < 0x80) {
    out[at] = codePoint;
    return at + 1;
  }
  const nMore = codePoint < 0x800 ? 1 : codePoint < 0x10000 ? 2 : 3;
  out[at] = LEAD_BITS[nMore]! | (codePoint >> (6 * nMore));
  for (let i = 1; i <= nMore; i++) out[at + i] = 0x80 | ((codePoint >> (6 * (nMore - i))) & 0x3f);
  return at + 1 + nMore;
}
