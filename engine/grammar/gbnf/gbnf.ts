/**
 * GBNF rules as a grammar. Each part of a rule that does not recur becomes one deterministic automaton
 * where that stays small: ambiguous or overlapping alternatives then cost nothing.
 */
import { Budget, refuse } from '../build/budget.ts';
import { GrammarBuilder } from '../build/builder.ts';
import { choice, repeat, sequence } from '../build/expression.ts';
import type { Expression } from '../build/expression.ts';
import { parseGbnf } from './gbnf-parse.ts';
import type { Grammar } from '../grammar.ts';
import { textDfa } from '../build/text-dfa.ts';

/** Steps spent at most on turning one part into an automaton. */
const MAX_PART_STEPS = 20_000;

/**
 * @param text rules in llama.cpp's notation; the output is a word of `root`
 * @param param the request's field, for errors
 * @throws {EngineError} E_REQUEST_INVALID for mistakes (with their position), undefined rules, left
 * recursion, and grammars past the budget or without any word
 */
export function compileGbnf(text: string, param = 'grammar'): Grammar {
  const budget = new Budget(param);
  return new GbnfCompiler(parseGbnf(text, budget), budget).compile();
}

class GbnfCompiler {
  readonly #rules: ReadonlyMap<string, Expression>;
  readonly #budget: Budget;
  readonly #builder: GrammarBuilder;
  readonly #places = new Map<string, number>();
  /** By rule: its body without any names, or null where it recurs (or is too large). */
  readonly #regular = new Map<string, Expression | null>();

  constructor(rules: ReadonlyMap<string, Expression>, budget: Budget) {
    this.#rules = rules;
    this.#budget = budget;
    this.#builder = new GrammarBuilder(budget);
  }

  compile(): Grammar {
    if (!this.#rules.has('root'))
      throw refuse(this.#budget.param, 'grammar without a rule root', 'Name the first rule root.');
    const root = this.#placeOf('root');
    // Bodies name further rules; those are added while this runs.
    for (const [name, place] of this.#places)
      this.#builder.define(place, this.#lower(this.#rules.get(name)!));
    return this.#builder.finish(root, 'no finite text is a word of the grammar');
  }

  #placeOf(name: string): number {
    if (!this.#rules.has(name)) throw this.#undefinedRule(name);
    let place = this.#places.get(name);
    if (place === undefined) this.#places.set(name, (place = this.#builder.reserve()));
    return place;
  }

  #lower(expression: Expression): number {
    const flat = this.#flatten(expression, []);
    const whole = flat === null ? null : this.#tryDfa(flat);
    if (whole !== null) return whole;
    this.#budget.spend(1);
    switch (expression.kind) {
      case 'sequence':
        return this.#builder.sequence(...this.#lowerRuns(expression.items));
      case 'choice':
        return this.#builder.choice(...this.#lowerChoice(expression.items));
      case 'repeat':
        return this.#builder.repeat(this.#lower(expression.item), expression.min, expression.max);
      case 'rule':
        return this.#placeOf(expression.name);
      default:
        // A single set always fits; GBNF has no anchors.
        return this.#builder.textDfa(textDfa(expression, this.#budget), 'utf8');
    }
  }

  /** Turns neighbours that do not recur into one automaton. */
  #lowerRuns(items: readonly Expression[]): number[] {
    const nodes: number[] = [];
    let run: Expression[] = [];
    const flush = () => {
      if (run.length > 0) nodes.push(...this.#lowerRun(run));
      run = [];
    };
    for (const item of items) {
      const flat = this.#flatten(item, []);
      if (flat !== null) run.push(flat);
      else {
        flush();
        nodes.push(this.#lower(item));
      }
    }
    flush();
    return nodes;
  }

  #lowerRun(run: readonly Expression[]): number[] {
    const whole = this.#tryDfa(sequence(...run));
    if (whole !== null) return [whole];
    return run.length === 1 ? [this.#lower(run[0]!)] : run.map((item) => this.#lower(item));
  }

  #lowerChoice(items: readonly Expression[]): number[] {
    const flat = items.map((item) => this.#flatten(item, []));
    const regular = flat.filter((item) => item !== null);
    const whole = regular.length > 1 ? this.#tryDfa(choice(...regular)) : null;
    return items.flatMap((item, index) => {
      if (whole === null || flat[index] === null) return [this.#lower(item)];
      return flat[index] === regular[0] ? [whole] : [];
    });
  }

  #tryDfa(expression: Expression): number | null {
    const dfa = this.#budget.attempt(MAX_PART_STEPS, (part) => textDfa(expression, part));
    return dfa === null ? null : this.#builder.textDfa(dfa, 'utf8');
  }

  /** The expression with rules' bodies in place of their names; null where one recurs. */
  #flatten(expression: Expression, trail: readonly string[]): Expression | null {
    this.#budget.spend(1);
    switch (expression.kind) {
      case 'rule':
        return this.#flattenRule(expression.name, trail);
      case 'sequence':
      case 'choice': {
        const items: Expression[] = [];
        for (const item of expression.items) {
          const flat = this.#flatten(item, trail);
          if (flat === null) return null;
          items.push(flat);
        }
        return expression.kind === 'sequence' ? sequence(...items) : choice(...items);
      }
      case 'repeat': {
        const item = this.#flatten(expression.item, trail);
        return item === null ? null : repeat(item, expression.min, expression.max);
      }
      default:
        return expression;
    }
  }

  #flattenRule(name: string, trail: readonly string[]): Expression | null {
    const body = this.#rules.get(name);
    if (body === undefined) throw this.#undefinedRule(name);
    if (trail.includes(name)) return null;
    const known = this.#regular.get(name);
    if (known !== undefined) return known;
    const flat = this.#flatten(body, [...trail, name]);
    this.#regular.set(name, flat);
    return flat;
  }

  #undefinedRule(name: string): Error {
    return refuse(
      this.#budget.param,
      `rule ${name} is not defined`,
      'Define it, or correct its name.',
    );
  }
}
