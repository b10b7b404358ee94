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
  /** `max` null: no upper bound. */
  | {
      readonly kind: 'repeat';
      readonly item: number;
      readonly min: number;
      readonly max: number | null;
    }
  /** The item itself; what happens inside is cached without regard to its surroundings. */
  | { readonly kind: 'island'; readonly item: number }
  | { readonly kind: 'rule'; readonly item: number };

/** JSON in, JSON out: survives `JSON.stringify` and structured clones unchanged. */
export interface Grammar {
  readonly version: 1;
  readonly nodes: readonly GrammarNode[];
  readonly dfas: readonly ByteDfa[];
  readonly root: number;
  /** By node: bytes of its shortest word, MAX_MEASURED_BYTES for all that is longer. */
  readonly minBytes: readonly number[];
}

/** Counts above this are unbounded: no output of any model here has as many characters. */
export const MAX_COUNT = 1_000_000;

/**
 * Bytes of the longest completion that is ever spelled, and so of the shortest output a grammar may
 * ask for. Objects that hold two of the next kind each double it with every line of a schema. It is
 * some 8,000 tokens of English, about what an isolate's context holds beside weights; to spell it
 * takes about a tenth of a second, and the other generations of a step wait for it.
 */
export const MAX_CLOSING_BYTES = 32 * 1024;

/** What is longer counts as this long: sums stay finite, where Infinity would mean "no word". */
export const MAX_MEASURED_BYTES = 2 ** 50;
