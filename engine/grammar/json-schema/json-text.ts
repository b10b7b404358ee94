/** JSON's own texts as nodes: strings, separators, any value of bounded depth. */
import { Budget } from '../build/budget.ts';
import { GrammarBuilder } from '../build/builder.ts';
import { choice, literal, repeat, sequence, set } from '../build/expression.ts';
import type { Expression } from '../build/expression.ts';
import type { Grammar } from '../grammar.ts';
import { numberDfa } from './json-numbers.ts';
import { complement, normalize, rangesOf, union } from '../build/ranges.ts';
import { textDfa } from '../build/text-dfa.ts';
import type { TextDfa } from '../build/text-dfa.ts';

/** Nesting of arrays and objects that a schema does not describe. */
export const MAX_FREE_DEPTH = 16;

const HEX_DIGIT = set(rangesOf('0123456789abcdefABCDEF'));
const hex = (count: number) => repeat(HEX_DIGIT, count, count);
/** A character of a string: itself or any escape that stands for it; never half a surrogate pair. */
const CHARACTER: Expression = choice(
  set(complement(union(normalize([[0, 0x1f]]), rangesOf('"\\')))),
  sequence(
    literal('\\'),
    choice(
      set(rangesOf('"\\/bfnrt')),
      sequence(literal('u'), set(rangesOf('0123456789abcefABCEF')), hex(3)),
      sequence(literal('u'), set(rangesOf('dD')), set(rangesOf('01234567')), hex(2)),
      sequence(
        literal('u'),
        set(rangesOf('dD')),
        set(rangesOf('89abAB')),
        hex(2),
        literal('\\u'),
        set(rangesOf('dD')),
        set(rangesOf('cdefCDEF')),
        hex(2),
      ),
    ),
  ),
);

/** Makes the nodes of JSON's texts in one grammar, each once. */
export class JsonText {
  readonly builder: GrammarBuilder;
  readonly #freeValues: number[] = [];
  #anyStringNode: number | null = null;
  #characterNode: number | null = null;
  #anyNumberNode: number | null = null;

  constructor(builder: GrammarBuilder) {
    this.builder = builder;
  }

  /** After a comma or a colon: nothing or one space, so that none can go on forever. */
  get space(): number {
    return this.builder.optional(this.builder.text(' '));
  }

  get comma(): number {
    return this.builder.sequence(this.builder.text(','), this.space);
  }

  get anyString(): number {
    const inner = sequence(literal('"'), repeat(CHARACTER, 0, null), literal('"'));
    this.#anyStringNode ??= this.#utf8(inner);
    return this.#anyStringNode;
  }

  get anyNumber(): number {
    const limits = { integer: false, min: null, max: null, multiples: [] };
    this.#anyNumberNode ??= this.builder.textDfa(numberDfa(limits, this.builder.budget), 'utf8');
    return this.#anyNumberNode;
  }

  get anyBoolean(): number {
    return this.builder.choice(this.builder.text('true'), this.builder.text('false'));
  }

  /** A string of `min` to `max` characters (code points). */
  countedString(min: number, max: number | null): number {
    if (min === 0 && max === null) return this.anyString;
    this.#characterNode ??= this.#utf8(CHARACTER);
    return this.#island(this.builder.repeat(this.#characterNode, min, max));
  }

  /** `min` to `max` characters of one set. */
  countedSet(dfa: TextDfa, min: number, max: number | null): number {
    return this.#island(this.builder.repeat(this.builder.textDfa(dfa, 'json'), min, max));
  }

  /** A string whose content is a word of `dfa`, written as `JSON.stringify` writes it. */
  stringOf(dfa: TextDfa): number {
    const quote = this.builder.text('"');
    return this.builder.island(
      this.builder.sequence(quote, this.builder.textDfa(dfa, 'json'), quote),
    );
  }

  /** `"key":` and its value. */
  member(key: string, value: number): number {
    return this.pair(this.builder.text(JSON.stringify(key)), value);
  }

  pair(key: number, value: number): number {
    return this.builder.sequence(key, this.builder.text(':'), this.space, value);
  }

  /** `item` separated by commas, `min` to `max` times. */
  list(item: number, min: number, max: number | null): number {
    const { builder } = this;
    if (max === 0) return min > 0 ? builder.never() : builder.empty();
    const more = builder.repeat(
      builder.sequence(this.comma, item),
      Math.max(min - 1, 0),
      max === null ? null : max - 1,
    );
    const some = builder.sequence(item, more);
    return min === 0 ? builder.optional(some) : some;
  }

  /** Any value with at most `depth` arrays and objects within each other. */
  anyValue(depth = MAX_FREE_DEPTH): number {
    for (let level = this.#freeValues.length; level <= depth; level++) {
      const rule = this.builder.reserve();
      this.builder.define(rule, this.#freeValue(level));
      this.#freeValues.push(rule);
    }
    return this.#freeValues[depth]!;
  }

  anyArray(depth = MAX_FREE_DEPTH): number {
    const { builder } = this;
    const items = this.list(this.anyValue(depth - 1), 0, null);
    return builder.sequence(builder.text('['), items, builder.text(']'));
  }

  anyObject(depth = MAX_FREE_DEPTH): number {
    const { builder } = this;
    const members = this.list(this.pair(this.anyString, this.anyValue(depth - 1)), 0, null);
    return builder.sequence(builder.text('{'), members, builder.text('}'));
  }

  #freeValue(depth: number): number {
    const { builder } = this;
    return builder.choice(
      this.anyString,
      this.anyNumber,
      this.anyBoolean,
      builder.text('null'),
      ...(depth > 0 ? [this.anyArray(depth), this.anyObject(depth)] : []),
    );
  }

  #island(content: number): number {
    const quote = this.builder.text('"');
    return this.builder.island(this.builder.sequence(quote, content, quote));
  }

  #utf8(expression: Expression): number {
    const { budget } = this.builder;
    return this.builder.textDfa(textDfa(expression, budget), 'utf8');
  }
}

function compileJsonObject(): Grammar {
  const builder = new GrammarBuilder(new Budget('response_format'));
  return builder.finish(new JsonText(builder).anyObject(), 'no JSON object is possible');
}

/** Any JSON object, nested at most MAX_FREE_DEPTH deep: `response_format` of type json_object. */
export const JSON_OBJECT_GRAMMAR: Grammar = compileJsonObject();
