/**
 * Objects of a schema: declared properties in the schema's order, then any others that it allows.
 * A state is how far the order has come and how many members were written, where the count matters.
 */
import { refuse } from '../build/budget.ts';
import { ANY_CHARACTER, choice, literal, repeat } from '../build/expression.ts';
import type { SchemaWriter } from './schema-writer.ts';
import { memberNames, memberPlaces } from './schema-facts.ts';
import type { Facts } from './schema-facts.ts';
import type { Place } from './schema-place.ts';
import { difference, intersection, isNever, textDfa } from '../build/text-dfa.ts';
import type { TextDfa } from '../build/text-dfa.ts';

/** Declared properties of one object. */
export const MAX_PROPERTIES = 1000;

interface Member {
  readonly node: number;
  readonly required: boolean;
}

export function compileMembers(compiler: SchemaWriter, facts: Facts): number {
  const { builder, json, budget } = compiler;
  const names = memberNames(facts);
  if (names.length > MAX_PROPERTIES)
    throw refuse(
      budget.param,
      `an object with ${names.length} properties; expected at most ${MAX_PROPERTIES}`,
      'Group them into objects.',
    );
  const required = new Set(facts.required);
  const members = names.map((name): Member => {
    // A lone surrogate is not text: such a name cannot be written.
    const value = name.isWellFormed()
      ? compiler.ruleOf(placesOf(compiler, facts, name))
      : builder.never();
    const node = builder.isNever(value) ? value : json.member(name, value);
    return { node, required: required.has(name) };
  });
  const others = isClosed(compiler, facts, names)
    ? builder.never()
    : compileOthers(compiler, facts, names);
  const content = new MemberOrder(compiler, facts, members, others).compile();
  return builder.sequence(builder.text('{'), content, builder.text('}'));
}

/** Whether nothing but declared properties comes, though the schema says nothing of others. */
function isClosed(compiler: SchemaWriter, facts: Facts, names: readonly string[]): boolean {
  const saysNothing = facts.members.every(
    ({ additional, patterns }) => additional === null && patterns.length === 0,
  );
  return compiler.isClosed && saysNothing && names.length >= Math.max(1, facts.minProperties);
}

function placesOf({ patterns }: SchemaWriter, { members }: Facts, name: string): Place[] {
  return memberPlaces(members, name, (pattern, key) => patterns.matches(pattern, key));
}

/** Any member that is not declared: its key differs from the declared ones, its value fits the key. */
function compileOthers(compiler: SchemaWriter, facts: Facts, names: readonly string[]): number {
  const { builder, json, patterns, budget } = compiler;
  const named = [...new Set(facts.members.flatMap((rule) => rule.patterns.map((p) => p.pattern)))];
  const keys = named.map((pattern) => patterns.dfaOf(pattern));
  refuseOverlaps(compiler, named, keys);
  const without = names.length === 0 ? null : textDfa(choice(...names.map(literal)), budget);
  const pairs = named.map((pattern, index) => {
    const value = compiler.ruleOf(
      facts.members.flatMap((rule) => {
        const own = rule.patterns.filter((p) => p.pattern === pattern).map(({ place }) => place);
        if (own.length > 0) return own;
        return rule.additional === null ? [] : [rule.additional];
      }),
    );
    return pairOf(compiler, excluding(keys[index]!, without, compiler), value);
  });
  const rest = compiler.ruleOf(facts.members.flatMap(({ additional }) => additional ?? []));
  if (builder.isNever(rest)) return builder.choice(...pairs);
  let restKeys = textDfa(repeat(ANY_CHARACTER, 0, null), budget);
  for (const dfa of keys) restKeys = difference(restKeys, dfa, budget);
  if (named.length === 0 && without === null)
    return builder.choice(...pairs, json.pair(json.anyString, rest));
  return builder.choice(...pairs, pairOf(compiler, excluding(restKeys, without, compiler), rest));
}

function excluding(keys: TextDfa, names: TextDfa | null, { budget }: SchemaWriter): TextDfa {
  return names === null ? keys : difference(keys, names, budget);
}

function pairOf({ builder, json }: SchemaWriter, keys: TextDfa, value: number): number {
  if (builder.isNever(value) || isNever(keys)) return builder.never();
  return json.pair(json.stringOf(keys), value);
}

/** A key that two patterns match would have to satisfy both, which is not supported. */
function refuseOverlaps(
  { budget }: SchemaWriter,
  patterns: readonly string[],
  keys: readonly TextDfa[],
): void {
  for (let b = 1; b < keys.length; b++)
    for (let a = 0; a < b; a++)
      if (!isNever(intersection(keys[a]!, keys[b]!, budget)))
        throw refuse(
          budget.param,
          `patternProperties ${JSON.stringify(patterns[a])} and ${JSON.stringify(patterns[b])} ` +
            'can match the same name',
          'Make them exclude each other, for instance by anchors.',
        );
}

/** Steps for one count of a member: a sequence, a choice and a rule. */
const STEPS_A_COUNT = 32;

/** Writes members in order, with commas between those that are present. */
class MemberOrder {
  readonly #compiler: SchemaWriter;
  readonly #members: readonly Member[];
  readonly #others: number;
  readonly #min: number;
  readonly #max: number | null;

  constructor(compiler: SchemaWriter, facts: Facts, members: readonly Member[], others: number) {
    this.#compiler = compiler;
    this.#members = members;
    this.#others = others;
    const closed = compiler.builder.isNever(others);
    const { minProperties, maxProperties } = facts;
    // Bounds that hold anyway need no counting.
    const isMaxIdle = closed && maxProperties !== null && maxProperties >= members.length;
    this.#min = minProperties <= facts.required.length ? 0 : minProperties;
    this.#max = isMaxIdle ? null : maxProperties;
    // Two undeclared members might get the same name, and be one.
    if (!closed && this.#min > members.length + 1)
      throw refuse(
        compiler.budget.param,
        `minProperties ${minProperties} needs several undeclared properties to differ`,
        'Declare them, or lower it.',
      );
  }

  compile(): number {
    const { builder, budget } = this.#compiler;
    const counts = 1 + Math.max(1, this.#min, Math.min(this.#max ?? 0, this.#members.length + 1));
    // Before the list is made: a schema may ask for any number.
    budget.spend(counts);
    let after = Array.from({ length: counts }, (_, count) => this.#end(count));
    for (const member of [...this.#members].reverse()) {
      budget.spend(STEPS_A_COUNT * counts);
      after = after.map((skip, count) => {
        const next = after[Math.min(count + 1, counts - 1)]!;
        const isFull = this.#max !== null && count >= this.#max;
        const comma = count > 0 ? this.#compiler.json.comma : builder.empty();
        const write = isFull ? builder.never() : builder.sequence(comma, member.node, next);
        return this.#shared(member.required ? write : builder.choice(skip, write));
      });
    }
    return after[0]!;
  }

  /** After the declared members, `count` of which were written. */
  #end(count: number): number {
    const { builder, json } = this.#compiler;
    const missing = Math.max(0, this.#min - count);
    const room = this.#max === null ? null : Math.max(0, this.#max - count);
    if (builder.isNever(this.#others) || room === 0)
      return missing > 0 ? builder.never() : builder.empty();
    if (missing > 1) return builder.never();
    if (count === 0) return json.list(this.#others, missing, room);
    return builder.repeat(builder.sequence(json.comma, this.#others), missing, room);
  }

  /** As a rule, so that what follows is not copied into every way that leads to it. */
  #shared(node: number): number {
    const { builder } = this.#compiler;
    if (builder.isNever(node)) return node;
    const rule = builder.reserve();
    builder.define(rule, node);
    return rule;
  }
}
