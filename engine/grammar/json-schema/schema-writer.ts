/** What the writers of objects and arrays need of the compiler that calls them. */
import type { Budget } from '../build/budget.ts';
import type { GrammarBuilder } from '../build/builder.ts';
import type { JsonText } from './json-text.ts';
import type { Place } from './schema-place.ts';
import type { Patterns } from './schema-strings.ts';

export interface SchemaWriter {
  readonly budget: Budget;
  /** Objects that declare properties have no others unless the schema says they may. */
  readonly isClosed: boolean;
  readonly builder: GrammarBuilder;
  readonly json: JsonText;
  readonly patterns: Patterns;
  /** The node of values that satisfy all of `places`; it may still have to be written. */
  ruleOf(places: readonly Place[]): number;
}
