/**
 * A compiled grammar as plain data: what the gateway compiles, sends over RPC and a stage executes.
 * Leaves consume bytes; the other nodes call each other by index, so that recursion is a cycle.
 * Knows neither schemas nor tokens.
 */

/** A deterministic automaton over bytes; it starts in state 0. */
export interface ByteDfa {
  /** By state: triples `from, to, target` of byte ranges, ascending and disjoint. */
  readonly edges: readonly (readonly number[])[];
  readonly accepting: readonly number[];
}

export type GrammarNode =
  /** A fixed byte string; character codes are the bytes (0..255). */
  | { readonly kind: 'bytes'; readonly bytes: string }
  /** One word of `Grammar.dfas[dfa]`. */
  | { readonly kind: 'dfa'; readonly dfa: number }
  | { readonly kind: 'sequence'; readonly items: readonly number[] }
  /** No items: nothing can match. */
  | { readonly kind: 'choice'; readonly items: readonly number[] }
  /** `max` null: without end. */
  | {
      readonly kind: 'repeat';
      readonly item: number;
      readonly min: number;
      readonly max: number | null;
    }
  /** The item as it is; what happens inside is cached without regard to what surrounds it. */
  | { readonly kind: 'island'; readonly item: number }
  | { readonly kind: 'rule'; readonly item: number };

/** JSON in, JSON out: survives `JSON.stringify` and structured clones unchanged. */
export interface Grammar {
  readonly version: 1;
  readonly nodes: readonly GrammarNode[];
  readonly dfas: readonly ByteDfa[];
  readonly root: number;
  /** By node: bytes of its shortest word. All are finite. */
  readonly minBytes: readonly number[];
}

/** A count beyond which a bound is none: no output of any model here has as many characters. */
export const MAX_COUNT = 1_000_000;
