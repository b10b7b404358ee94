/**
 * The regular part of ECMAScript's pattern syntax (ECMA-262, section 22.2.1, `u` mode), as trees.
 * What is not regular (lookaround, backreferences, word boundaries) is refused by name.
 */
import { CharacterReader } from '../build/character-reader.ts';
import { MAX_NESTING, refuse } from '../build/budget.ts';
import type { Budget } from '../build/budget.ts';
import { choice, repeat, sequence, set } from '../build/expression.ts';
import type { Expression } from '../build/expression.ts';
import { complement, normalize, rangesOf, union } from '../build/ranges.ts';
import type { Ranges } from '../build/ranges.ts';

/** Longest pattern read, in characters. */
export const MAX_PATTERN_CHARS = 4096;

const DIGIT: Ranges = normalize([[0x30, 0x39]]);
const WORD: Ranges = union(
  DIGIT,
  normalize([
    [0x41, 0x5a],
    [0x61, 0x7a],
    [0x5f, 0x5f],
  ]),
);
const SPACE: Ranges = union(
  rangesOf('\t\n\v\f\r \u00a0\u1680\u2028\u2029\u202f\u205f\u3000\ufeff'),
  normalize([[0x2000, 0x200a]]),
);
const NOT_LINE_END: Ranges = complement(rangesOf('\n\r\u2028\u2029'));
const CLASS_ESCAPES: Readonly<Record<string, Ranges>> = {
  d: DIGIT,
  D: complement(DIGIT),
  w: WORD,
  W: complement(WORD),
  s: SPACE,
  S: complement(SPACE),
};
const CONTROL_ESCAPES: Readonly<Record<string, number>> = { t: 9, n: 10, v: 11, f: 12, r: 13 };
const REFUSED_GROUPS: readonly (readonly [string, string])[] = [
  ['?=', 'lookahead'],
  ['?!', 'lookahead'],
  ['?<=', 'lookbehind'],
  ['?<!', 'lookbehind'],
];

/** @throws {EngineError} E_REQUEST_INVALID with the position and what was found there */
export function parseRegex(pattern: string, budget: Budget): Expression {
  if (pattern.length > MAX_PATTERN_CHARS)
    throw refuse(
      budget.param,
      `pattern; expected at most ${MAX_PATTERN_CHARS} characters, got ${pattern.length}`,
      'Shorten it.',
    );
  return new RegexParser(pattern, budget).parse();
}

class RegexParser extends CharacterReader {
  parse(): Expression {
    const expression = this.#parseChoice(0);
    if (this.at < this.characters.length) throw this.fail('a ")" without its "("');
    return expression;
  }

  #parseChoice(depth: number): Expression {
    if (depth > MAX_NESTING) throw this.fail(`groups nested deeper than ${MAX_NESTING}`);
    const branches = [this.#parseSequence(depth)];
    while (this.take('|')) branches.push(this.#parseSequence(depth));
    return choice(...branches);
  }

  #parseSequence(depth: number): Expression {
    const items: Expression[] = [];
    for (let next = this.peek(); next !== undefined && next !== '|' && next !== ')';) {
      this.budget.spend(1);
      items.push(this.#parseQuantified(this.#parseAtom(depth)));
      next = this.peek();
    }
    return sequence(...items);
  }

  #parseAtom(depth: number): Expression {
    const character = this.next('its end');
    switch (character) {
      case '^':
        return { kind: 'start' };
      case '$':
        return { kind: 'end' };
      case '.':
        return set(NOT_LINE_END);
      case '(':
        return this.#parseGroup(depth);
      case '[':
        return set(this.#parseClass());
      case '\\':
        return set(this.#parseEscape(false));
      case '*':
      case '+':
      case '?':
        throw this.fail(`a quantifier "${character}" with nothing before it`);
      default:
        return set(rangesOf(character));
    }
  }

  #parseGroup(depth: number): Expression {
    for (const [opening, name] of REFUSED_GROUPS)
      if (this.startsWith(opening)) throw this.fail(`${name}, which is not supported`);
    if (this.startsWith('?<')) this.#skipGroupName();
    else if (this.startsWith('?:')) this.at += 2;
    else if (this.startsWith('?')) throw this.fail('a group modifier, which is not supported');
    const inner = this.#parseChoice(depth + 1);
    if (!this.take(')')) throw this.fail('the end, where a ")" is missing');
    return inner;
  }

  #skipGroupName(): void {
    const end = this.characters.indexOf('>', this.at);
    if (end < 0) throw this.fail('a group name without its ">"');
    this.at = end + 1;
  }

  #parseQuantified(atom: Expression): Expression {
    const bounds = this.#parseQuantifier();
    if (bounds === null) return atom;
    this.take('?'); // Lazy or not, the same words match.
    if (atom.kind === 'start' || atom.kind === 'end') throw this.fail('a quantified anchor');
    const [min, max] = bounds;
    if (max !== null && max < min) throw this.fail(`a quantifier {${min},${max}} out of order`);
    return repeat(atom, min, max);
  }

  #parseQuantifier(): readonly [number, number | null] | null {
    if (this.take('*')) return [0, null];
    if (this.take('+')) return [1, null];
    if (this.take('?')) return [0, 1];
    if (this.peek() !== '{') return null;
    const match = /^\{(\d{1,9})(,(\d{1,9})?)?\}/.exec(this.ahead(24));
    // As in browsers, a brace that begins no quantifier is itself.
    if (match === null) return null;
    this.at += match[0].length;
    const min = Number(match[1]);
    if (match[2] === undefined) return [min, min];
    return [min, match[3] === undefined ? null : Number(match[3])];
  }

  #parseClass(): Ranges {
    const negated = this.take('^');
    const sets: Ranges[] = [];
    while (!this.take(']')) {
      this.budget.spend(1);
      const low = this.#parseClassAtom();
      if (this.peek() !== '-' || this.peek(1) === ']' || low.length !== 2 || low[0] !== low[1]) {
        sets.push(low);
        continue;
      }
      this.at++;
      const high = this.#parseClassAtom();
      if (high.length !== 2 || high[0] !== high[1] || high[0]! < low[0]!)
        throw this.fail('a class range out of order');
      sets.push(normalize([[low[0]!, high[0]!]]));
    }
    const all = union(...sets);
    return negated ? complement(all) : all;
  }

  #parseClassAtom(): Ranges {
    const character = this.next('the end, where a "]" is missing');
    return character === '\\' ? this.#parseEscape(true) : rangesOf(character);
  }

  #parseEscape(inClass: boolean): Ranges {
    const character = this.next('a backslash at the end');
    if (Object.hasOwn(CLASS_ESCAPES, character)) return CLASS_ESCAPES[character]!;
    if (Object.hasOwn(CONTROL_ESCAPES, character)) return single(CONTROL_ESCAPES[character]!);
    if (character === 'b' && inClass) return single(8);
    if (character === 'x') return single(this.#parseHex(2));
    if (character === 'u') return single(this.#parseUnicode());
    if (character === 'c') return single(this.#parseControl());
    if (character === '0' && !/\d/.test(this.peek() ?? '')) return single(0);
    if (/[0-9k]/.test(character)) throw this.fail('a backreference, which is not supported');
    if (/[bB]/.test(character)) throw this.fail('a word boundary, which is not supported');
    if (/[pP]/.test(character)) throw this.fail('a Unicode property, which is not supported');
    if (/[A-Za-z]/.test(character)) throw this.fail(`an unknown escape "\\${character}"`);
    return rangesOf(character);
  }

  #parseControl(): number {
    const letter = this.next('its end');
    if (!/[A-Za-z]/.test(letter)) throw this.fail(`an unknown escape "\\c${letter}"`);
    return letter.charCodeAt(0) % 32;
  }

  #parseUnicode(): number {
    if (this.peek() === '{') {
      const match = /^\{([0-9A-Fa-f]{1,6})\}/.exec(this.ahead(8));
      if (match === null) throw this.fail('a broken "\\u{...}"');
      this.at += match[0].length;
      return parseInt(match[1]!, 16);
    }
    const high = this.#parseHex(4);
    const low = /^\\u([dD][c-fC-F][0-9A-Fa-f]{2})/.exec(this.ahead(6));
    if (high < 0xd800 || high > 0xdbff || low === null) return high;
    this.at += 6;
    return 0x10000 + ((high - 0xd800) << 10) + (parseInt(low[1]!, 16) - 0xdc00);
  }

  #parseHex(digits: number): number {
    const text = this.ahead(digits);
    if (text.length < digits || /[^0-9A-Fa-f]/.test(text))
      throw this.fail(`an escape without its ${digits} hexadecimal digits`);
    this.at += digits;
    return parseInt(text, 16);
  }

  fail(what: string): Error {
    const pattern = JSON.stringify(this.characters.join('').slice(0, 80));
    return refuse(
      this.budget.param,
      `pattern ${pattern} has ${what} at character ${this.at}`,
      'Patterns may use classes, groups, alternatives, quantifiers and anchors.',
    );
  }
}

function single(codePoint: number): Ranges {
  return normalize([[codePoint, codePoint]]);
}
