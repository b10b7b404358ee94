/** Regular expressions as trees: what patterns, formats, numbers and GBNF rules become first. */
import { ALL, rangesOf } from './ranges.ts';
import type { Ranges } from './ranges.ts';

export type Expression =
  | { readonly kind: 'set'; readonly set: Ranges }
  | { readonly kind: 'sequence'; readonly items: readonly Expression[] }
  | { readonly kind: 'choice'; readonly items: readonly Expression[] }
  | {
      readonly kind: 'repeat';
      readonly item: Expression;
      readonly min: number;
      /** Null for no upper bound. */
      readonly max: number | null;
    }
  /** Zero width: only before the first character, only after the last. */
  | { readonly kind: 'start' | 'end' }
  /** A named rule of a GBNF grammar. */
  | { readonly kind: 'rule'; readonly name: string };

export const EMPTY: Expression = { kind: 'sequence', items: [] };
export const ANY_CHARACTER: Expression = { kind: 'set', set: ALL };

export function set(ranges: Ranges): Expression {
  return { kind: 'set', set: ranges };
}

export function sequence(...items: readonly Expression[]): Expression {
  return items.length === 1 ? items[0]! : { kind: 'sequence', items };
}

export function choice(...items: readonly Expression[]): Expression {
  return items.length === 1 ? items[0]! : { kind: 'choice', items };
}

export function repeat(item: Expression, min: number, max: number | null): Expression {
  return { kind: 'repeat', item, min, max };
}

export function literal(text: string): Expression {
  return sequence(...[...text].map((character) => set(rangesOf(character))));
}
