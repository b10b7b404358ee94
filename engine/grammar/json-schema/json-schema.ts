/**
 * JSON Schema (2020-12) as a grammar of JSON texts: compact, with at most one space after a comma
 * or colon, properties in the schema's order. Each set of schemas that one value has to satisfy
 * becomes a rule, so that recursive references become recursive rules. What cannot be honoured
 * is refused with its keyword and place; the list is in docs/structured-output.md.
 */
import { Budget, refuse } from '../build/budget.ts';
import { GrammarBuilder } from '../build/builder.ts';
import { FORMAT_PATTERNS, NUMBER_FORMATS } from './formats.ts';
import type { Grammar } from '../grammar.ts';
import { numberDfa } from './json-numbers.ts';
import { JsonText } from './json-text.ts';
import { CaseReader, distinctCases } from './schema-cases.ts';
import { ALL_TYPES, NO_FACTS, stricter } from './schema-facts.ts';
import type { Facts } from './schema-facts.ts';
import { compileItems } from './schema-items.ts';
import { compileMembers } from './schema-members.ts';
import { checkSchemaSize, isObject } from './schema-place.ts';
import type { Place } from './schema-place.ts';
import { compileString, Patterns } from './schema-strings.ts';
import type { SchemaWriter } from './schema-writer.ts';
import { ValueJudge } from './schema-values.ts';

export interface JsonSchemaOptions {
  /** The request's field, for errors. */
  readonly param?: string;
  /**
   * Objects that declare properties have no others unless the schema says they may, as strict
   * schemas demand: a weak model would go on adding members. The output is valid either way.
   */
  readonly isClosed?: boolean;
}

/**
 * @throws {EngineError} E_REQUEST_INVALID for keywords that are not honoured, schemas that nothing
 * or no finite text can satisfy, and schemas past the budget
 */
export function compileJsonSchema(schema: unknown, options: JsonSchemaOptions = {}): Grammar {
  const budget = new Budget(options.param ?? 'response_format.json_schema.schema');
  if (typeof schema !== 'boolean' && !isObject(schema))
    throw refuse(budget.param, 'expected a schema', 'Send an object, true or false.');
  checkSchemaSize(schema, budget);
  return new SchemaCompiler(schema, budget, options.isClosed ?? false).compile();
}

class SchemaCompiler implements SchemaWriter {
  readonly budget: Budget;
  readonly isClosed: boolean;
  readonly builder: GrammarBuilder;
  readonly json: JsonText;
  readonly patterns: Patterns;
  readonly #root: Place;
  readonly #cases: CaseReader;
  readonly #judge: ValueJudge;
  readonly #rules = new Map<string, number>();
  /** Rules that still have to be written. */
  readonly #queue: { readonly rule: number; readonly places: readonly Place[] }[] = [];

  constructor(schema: unknown, budget: Budget, isClosed = false) {
    this.budget = budget;
    this.isClosed = isClosed;
    this.builder = new GrammarBuilder(budget);
    this.json = new JsonText(this.builder);
    this.patterns = new Patterns(budget);
    this.#root = { value: schema, pointer: '' };
    this.#judge = new ValueJudge(this.patterns, budget, () => this.#cases);
    this.#cases = new CaseReader(this.#root, budget, this.#judge.excludes);
  }

  compile(): Grammar {
    const root = this.ruleOf([this.#root]);
    for (const { rule, places } of this.#queue)
      this.builder.define(rule, this.builder.choice(...this.#compilePlaces(places)));
    return this.builder.finish(
      root,
      'no text can satisfy the schema: its parts contradict each other, or it refers to itself without end',
    );
  }

  /** The node of values that satisfy all of `places`; it may still have to be written. */
  ruleOf(places: readonly Place[]): number {
    if (places.some(({ value }) => value === false)) return this.builder.never();
    const binding = new Map(
      places.filter(({ value }) => value !== true).map((place) => [place.pointer, place]),
    );
    if (binding.size === 0) return this.json.anyValue();
    const key = [...binding.keys()].join('\n');
    let rule = this.#rules.get(key);
    if (rule === undefined) {
      rule = this.builder.reserve();
      this.#rules.set(key, rule);
      this.#queue.push({ rule, places: [...binding.values()] });
    }
    return rule;
  }

  #compilePlaces(places: readonly Place[]): number[] {
    const cases = distinctCases(this.#cases.casesOf(places, 'write'));
    for (const facts of cases) this.#checkFormats(facts, places[0]!);
    if (cases.some((facts) => isFree(facts))) return [this.json.anyValue()];
    return cases.flatMap((facts) =>
      facts.values === null ? this.#compileTypes(facts) : this.#compileValues(facts, facts.values),
    );
  }

  #compileValues(facts: Facts, values: readonly unknown[]): number[] {
    return values
      .filter((value) => this.#judge.matches(value, facts))
      .map((value) => JSON.stringify(value))
      .filter((text) => !HALF_PAIR.test(text))
      .map((text) => this.builder.text(text));
  }

  #compileTypes(facts: Facts): number[] {
    const { types } = facts;
    const { json, builder } = this;
    const nodes: number[] = [];
    if (types.has('object'))
      nodes.push(hasNoMemberFacts(facts) ? json.anyObject() : compileMembers(this, facts));
    if (types.has('array'))
      nodes.push(hasNoItemFacts(facts) ? json.anyArray() : compileItems(this, facts));
    if (types.has('string')) nodes.push(compileString(json, this.patterns, facts));
    if (types.has('integer') || types.has('real')) nodes.push(this.#compileNumber(facts));
    if (types.has('boolean')) nodes.push(json.anyBoolean);
    if (types.has('null')) nodes.push(builder.text('null'));
    return nodes;
  }

  #compileNumber(facts: Facts): number {
    let { min, max } = facts;
    for (const format of facts.formats) {
      const bounds = Object.hasOwn(NUMBER_FORMATS, format) ? NUMBER_FORMATS[format] : null;
      if (bounds == null) continue;
      min = stricter(min, { value: bounds[0], exclusive: false }, 1);
      max = stricter(max, { value: bounds[1], exclusive: false }, -1);
    }
    const integer = !facts.types.has('real') || facts.formats.some((name) => /^int/.test(name));
    const { multiples } = facts;
    if (min === null && max === null && !integer && multiples.length === 0)
      return this.json.anyNumber;
    const dfa = numberDfa({ integer, min, max, multiples }, this.budget);
    return this.builder.textDfa(dfa, 'utf8');
  }

  #checkFormats({ formats }: Facts, place: Place): void {
    for (const format of formats) {
      if (Object.hasOwn(FORMAT_PATTERNS, format) || Object.hasOwn(NUMBER_FORMATS, format)) continue;
      throw refuse(
        this.budget.param,
        `schema at ${place.pointer || '/'}: format ${JSON.stringify(format.slice(0, 80))} is not supported`,
        `Use one of ${Object.keys(FORMAT_PATTERNS).join(', ')}, or a pattern.`,
      );
    }
  }
}

/** `JSON.stringify` writes a surrogate without its other half as an escape: no text has it. */
const HALF_PAIR = /(?<!\\)(?:\\\\)*\\ud[89a-f]/;

function isFree(facts: Facts): boolean {
  const isAnyType = facts.types.size === ALL_TYPES.length;
  return isAnyType && Object.entries(facts).every(([name, value]) => isIdle(name, value));
}

function isIdle(name: string, value: unknown): boolean {
  if (name === 'types') return true;
  return Array.isArray(value) ? value.length === 0 : value === NO_FACTS[name as keyof Facts];
}

function hasNoMemberFacts(facts: Facts): boolean {
  const { members, required, minProperties, maxProperties } = facts;
  return members.length + required.length + minProperties === 0 && maxProperties === null;
}

function hasNoItemFacts({ itemRules, minItems, maxItems }: Facts): boolean {
  return itemRules.length + minItems === 0 && maxItems === null;
}
