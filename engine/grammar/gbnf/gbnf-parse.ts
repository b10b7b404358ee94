/**
 * llama.cpp's grammar notation (grammars/README.md there): rules of literals, classes, groups,
 * alternatives and repetitions. Only reads it; gbnf.ts knows what the rules mean together.
 */
import { CharacterReader } from '../build/character-reader.ts';
import { MAX_NESTING, refuse } from '../build/budget.ts';
import type { Budget } from '../build/budget.ts';
import { choice, repeat, sequence, set } from '../build/expression.ts';
import type { Expression } from '../build/expression.ts';
import { ALL, complement, normalize, union } from '../build/ranges.ts';
import type { Ranges } from '../build/ranges.ts';

/** Longest grammar read, in characters. */
export const MAX_GBNF_CHARS = 65_536;
/** Rules of one grammar. */
export const MAX_RULES = 1000;

const NAME = /[A-Za-z0-9-]/;
const CONTROLS: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9 };
const HEX_DIGITS: Readonly<Record<string, number>> = { x: 2, u: 4, U: 8 };
const SIMPLE_REPEATS: Readonly<Record<string, readonly [number, number | null]>> = {
  '*': [0, null],
  '+': [1, null],
  '?': [0, 1],
};

/** @throws {EngineError} E_REQUEST_INVALID with line and column */
export function parseGbnf(text: string, budget: Budget): ReadonlyMap<string, Expression> {
  if (text.length > MAX_GBNF_CHARS)
    throw refuse(
      budget.param,
      `grammar of ${text.length} characters; expected at most ${MAX_GBNF_CHARS}`,
      'Shorten it.',
    );
  return new GbnfParser(text, budget).parse();
}

class GbnfParser extends CharacterReader {
  readonly #rules = new Map<string, Expression>();

  parse(): ReadonlyMap<string, Expression> {
    this.#skipSpace(true);
    while (this.at < this.characters.length) this.#parseRule();
    return this.#rules;
  }

  #parseRule(): void {
    const name = this.#parseName();
    this.#skipSpace(false);
    if (!this.take('::=')) throw this.fail('"::="');
    this.#skipSpace(true);
    if (this.#rules.has(name)) throw this.fail(`one rule ${name} only`);
    if (this.#rules.size >= MAX_RULES) throw this.fail(`at most ${MAX_RULES} rules`);
    this.#rules.set(name, this.#parseChoice(0));
    if (this.at < this.characters.length && !/[\r\n]/.test(this.peek()!))
      throw this.fail('the end of the rule');
    this.#skipSpace(true);
  }

  /** Within parentheses a line may end anywhere, outside of them only after "|". */
  #parseChoice(depth: number): Expression {
    if (depth > MAX_NESTING) throw this.fail(`at most ${MAX_NESTING} groups within each other`);
    const branches = [this.#parseSequence(depth)];
    while (this.take('|')) {
      this.#skipSpace(true);
      branches.push(this.#parseSequence(depth));
    }
    return choice(...branches);
  }

  #parseSequence(depth: number): Expression {
    const items: Expression[] = [];
    for (;;) {
      const item = this.#parseItem(depth);
      if (item === null) return sequence(...items);
      this.budget.spend(1);
      this.#skipSpace(depth > 0);
      items.push(this.#parseRepeats(item, depth));
    }
  }

  #parseItem(depth: number): Expression | null {
    const character = this.peek();
    if (character === '"') return this.#parseLiteral();
    if (character === '[') return set(this.#parseClass());
    if (character === '.') {
      this.at++;
      return set(ALL);
    }
    if (character === '(') return this.#parseGroup(depth);
    if (character === undefined || !NAME.test(character)) return null;
    return { kind: 'rule', name: this.#parseName() };
  }

  #parseGroup(depth: number): Expression {
    this.at++;
    this.#skipSpace(true);
    const inner = this.#parseChoice(depth + 1);
    this.#skipSpace(true);
    if (!this.take(')')) throw this.fail('")"');
    return inner;
  }

  #parseRepeats(item: Expression, depth: number): Expression {
    let repeated = item;
    for (let bounds = this.#parseRepeat(); bounds !== null; bounds = this.#parseRepeat()) {
      const [min, max] = bounds;
      if (max !== null && max < min)
        throw this.fail(`a repetition {${min},${max}} in ascending order`);
      repeated = repeat(repeated, min, max);
      this.#skipSpace(depth > 0);
    }
    return repeated;
  }

  #parseRepeat(): readonly [number, number | null] | null {
    const character = this.peek() ?? '';
    if (Object.hasOwn(SIMPLE_REPEATS, character)) {
      this.at++;
      return SIMPLE_REPEATS[character]!;
    }
    if (character !== '{') return null;
    const ahead = this.characters.slice(this.at, this.at + 32).join('');
    const match = /^\{\s*(\d{1,9})\s*(,\s*(\d{1,9})?\s*)?\}/.exec(ahead);
    if (match === null) throw this.fail('a repetition like {2}, {2,} or {2,5}');
    this.at += match[0].length;
    const min = Number(match[1]);
    if (match[2] === undefined) return [min, min];
    return [min, match[3] === undefined ? null : Number(match[3])];
  }

  #parseLiteral(): Expression {
    this.at++;
    const items: Expression[] = [];
    while (!this.take('"')) {
      this.budget.spend(1);
      items.push(set(this.#parseCharacter('"')));
    }
    return sequence(...items);
  }

  #parseClass(): Ranges {
    this.at++;
    const negated = this.take('^');
    const sets: Ranges[] = [];
    while (!this.take(']')) {
      this.budget.spend(1);
      const low = this.#parseCharacter(']');
      if (this.peek() !== '-' || this.characters[this.at + 1] === ']') {
        sets.push(low);
        continue;
      }
      this.at++;
      const high = this.#parseCharacter(']');
      if (low.length === 0 || high.length === 0 || high[0]! < low[0]!)
        throw this.fail('a range in ascending order');
      sets.push(normalize([[low[0]!, high[0]!]]));
    }
    const all = union(...sets);
    return negated ? complement(all) : all;
  }

  #parseCharacter(closing: string): Ranges {
    if (/[\r\n]/.test(this.peek() ?? '')) throw this.fail(closing);
    const character = this.next(closing);
    if (character !== '\\') return single(character.codePointAt(0)!);
    const escape = this.next(closing);
    if (Object.hasOwn(CONTROLS, escape)) return single(CONTROLS[escape]!);
    if (Object.hasOwn(HEX_DIGITS, escape)) return single(this.#parseHex(HEX_DIGITS[escape]!));
    if ('"\\[]-^'.includes(escape)) return single(escape.codePointAt(0)!);
    throw this.fail('one of the escapes \\n \\r \\t \\" \\\\ \\[ \\] \\x \\u \\U');
  }

  #parseHex(digits: number): number {
    const text = this.characters.slice(this.at, this.at + digits).join('');
    if (text.length < digits || /[^0-9A-Fa-f]/.test(text))
      throw this.fail(`${digits} hexadecimal digits`);
    this.at += digits;
    return parseInt(text, 16);
  }

  #parseName(): string {
    let name = '';
    while (NAME.test(this.peek() ?? '')) name += this.characters[this.at++];
    if (name === '') throw this.fail("a rule's name");
    return name;
  }

  #skipSpace(lines: boolean): void {
    for (let next = this.peek(); next !== undefined; next = this.peek()) {
      if (next === '#') while (!/[\r\n]/.test(this.peek() ?? '\n')) this.at++;
      else if (next === ' ' || next === '\t' || (lines && /[\r\n]/.test(next))) this.at++;
      else return;
    }
  }

  fail(expected: string): Error {
    const before = this.characters.slice(0, this.at).join('').split('\n');
    const found = this.characters.slice(this.at, this.at + 12).join('') || 'its end';
    return refuse(
      this.budget.param,
      `grammar at line ${before.length}, column ${before.at(-1).length + 1}: ` +
        `expected ${expected}, got ${JSON.stringify(found)}`,
      'Write it in GBNF.',
    );
  }
}

function single(codePoint: number): Ranges {
  return normalize([[codePoint, codePoint]]);
}
