/** Strings of a schema: patterns, formats and lengths as one automaton, or as a counted set. */
import type { Budget } from '../build/budget.ts';
import { ANY_CHARACTER, repeat } from '../build/expression.ts';
import type { Expression } from '../build/expression.ts';
import { FORMAT_PATTERNS, formatExpression, NUMBER_FORMATS } from './formats.ts';
import { refuse } from '../build/budget.ts';
import type { JsonText } from './json-text.ts';
import type { Ranges } from '../build/ranges.ts';
import { parseRegex } from '../regex/regex-parse.ts';
import { leastOf } from './schema-facts.ts';
import type { Facts } from './schema-facts.ts';
import { containing, hasWord, intersection, textDfa } from '../build/text-dfa.ts';
import type { TextDfa } from '../build/text-dfa.ts';

/** Automata of patterns and formats, each made once per schema. */
export class Patterns {
  readonly #budget: Budget;
  readonly #known = new Map<string, TextDfa>();

  constructor(budget: Budget) {
    this.#budget = budget;
  }

  /** Texts that contain a match of the pattern. */
  dfaOf(pattern: string): TextDfa {
    return this.#once(`/${pattern}`, () =>
      containing(parseRegex(pattern, this.#budget), ANY_CHARACTER, this.#budget),
    );
  }

  /** Texts of the format; null when it does not restrict strings. */
  formatDfa(format: string): TextDfa | null {
    if (Object.hasOwn(NUMBER_FORMATS, format)) return null;
    const expression = formatExpression(format);
    if (expression === null)
      throw refuse(
        this.#budget.param,
        `format ${JSON.stringify(format.slice(0, 80))} is not supported`,
        `Use one of ${Object.keys(FORMAT_PATTERNS).join(', ')}, or a pattern.`,
      );
    return this.#once(`:${format}`, () => textDfa(expression, this.#budget));
  }

  matches(pattern: string, text: string): boolean {
    return hasWord(this.dfaOf(pattern), text);
  }

  /** Patterns and formats of the facts together; null when there are none. */
  contentDfa({ patterns, formats }: Facts): TextDfa | null {
    const all = [
      ...patterns.map((pattern) => this.dfaOf(pattern)),
      ...formats.map((format) => this.formatDfa(format)).filter((dfa) => dfa !== null),
    ];
    if (all.length === 0) return null;
    return all.reduce((a, b) => intersection(a, b, this.#budget));
  }

  #once(key: string, make: () => TextDfa): TextDfa {
    let dfa = this.#known.get(key);
    if (dfa === undefined) this.#known.set(key, (dfa = make()));
    return dfa;
  }
}

export function compileString(json: JsonText, patterns: Patterns, facts: Facts): number {
  const { minLength, maxLength } = facts;
  const { budget } = json.builder;
  if (maxLength !== null && maxLength < minLength) return json.builder.never();
  const counted = countedPattern(facts, budget);
  if (counted !== null) {
    const [min, max] = [Math.max(counted.min, minLength), leastOf(counted.max, maxLength)];
    if (max !== null && max < min) return json.builder.never();
    return json.countedSet(textDfa({ kind: 'set', set: counted.set }, budget), min, max);
  }
  const content = patterns.contentDfa(facts);
  if (content === null) return json.countedString(minLength, maxLength);
  return json.stringOf(withLengths(content, minLength, maxLength, budget));
}

/** Keeps words of `min` to `max` characters; returns `dfa` itself when all words are. */
export function withLengths(
  dfa: TextDfa,
  min: number,
  max: number | null,
  budget: Budget,
): TextDfa {
  const longest = longestWord(dfa);
  const least = shortestWord(dfa) >= min ? 0 : min;
  const most = longest !== null && (max === null || longest <= max) ? null : max;
  if (least === 0 && most === null) return dfa;
  return intersection(dfa, textDfa(repeat(ANY_CHARACTER, least, most), budget), budget);
}

interface CountedSet {
  readonly set: Ranges;
  readonly min: number;
  readonly max: number | null;
}

/** A single pattern like `^[a-z]{1,1000}$`: a count of one set, which needs no states. */
function countedPattern({ patterns, formats }: Facts, budget: Budget): CountedSet | null {
  const [pattern] = patterns;
  if (pattern === undefined || patterns.length > 1 || formats.length > 0) return null;
  const expression = parseRegex(pattern, budget);
  const [start, body, end] = itemsOf(expression);
  const isWhole =
    itemsOf(expression).length === 3 && start?.kind === 'start' && end?.kind === 'end';
  if (!isWhole || body?.kind !== 'repeat' || body.item.kind !== 'set') return null;
  return { set: body.item.set, min: body.min, max: body.max };
}

function itemsOf(expression: Expression): readonly Expression[] {
  return expression.kind === 'sequence' ? expression.items : [expression];
}

function shortestWord(dfa: TextDfa): number {
  let front = new Set([0]);
  const seen = new Set(front);
  for (let length = 0; front.size > 0; length++) {
    for (const state of front) if (dfa.accepting[state]) return length;
    const next = new Set<number>();
    for (const state of front)
      for (const target of targetsOf(dfa, state)) if (!seen.has(target)) next.add(target);
    next.forEach((state) => seen.add(state));
    front = next;
  }
  return Infinity;
}

/** Null when words grow without end. (All states of our automata lead to acceptance.) */
function longestWord(dfa: TextDfa): number | null {
  const incoming = dfa.edges.map(() => 0);
  dfa.edges.forEach((_, state) => targetsOf(dfa, state).forEach((to) => incoming[to]!++));
  const lengths = dfa.edges.map(() => 0);
  const free = incoming.flatMap((count, state) => (count === 0 ? [state] : []));
  let done = 0;
  for (const state of free) {
    done++;
    for (const target of targetsOf(dfa, state)) {
      lengths[target] = Math.max(lengths[target]!, lengths[state]! + 1);
      if (--incoming[target]! === 0) free.push(target);
    }
  }
  return done < dfa.edges.length ? null : Math.max(...lengths);
}

function targetsOf(dfa: TextDfa, state: number): Set<number> {
  return new Set(dfa.edges[state]!.filter((_, i) => i % 3 === 2));
}
