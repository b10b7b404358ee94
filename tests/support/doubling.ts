/** Small descriptions of enormous texts: each level holds the one below it twice. */
import type { Grammar } from '../../engine/grammar/index.ts';

/** A schema of a few lines a level, whose smallest value has 2^levels texts. */
export function doublingSchema(levels: number): Record<string, unknown> {
  const below = (level: number) => ({ $ref: `#/$defs/d${level - 1}` });
  const pair = (level: number) => ({
    type: 'object',
    properties: { l: below(level), r: below(level) },
    required: ['l', 'r'],
  });
  const kinds = Array.from({ length: levels + 1 }, (_, level) => [
    `d${level}`,
    level === 0 ? { type: 'string' } : pair(level),
  ]);
  return { $ref: `#/$defs/d${levels}`, $defs: Object.fromEntries(kinds) };
}

/** Arrays of a million arrays of a million: with 60 levels more than a float can count. */
export function millionsSchema(levels: number): Record<string, unknown> {
  const kinds = Array.from({ length: levels + 1 }, (_, level) => [
    `d${level}`,
    level === 0
      ? { type: 'null' }
      : { type: 'array', minItems: 1_000_000, items: { $ref: `#/$defs/d${level - 1}` } },
  ]);
  return { $ref: `#/$defs/d${levels}`, $defs: Object.fromEntries(kinds) };
}

/** In GBNF; its innermost rule recurs, so that no part becomes an automaton. */
export function doublingGbnf(levels: number): string {
  const rules = Array.from({ length: levels }, (_, level) =>
    level === 0 ? 'r0 ::= "a" r0?' : `r${level} ::= "(" r${level - 1} r${level - 1} ")"`,
  );
  return [`root ::= r${levels - 1}`, ...rules].join('\n');
}

/** As no compiler here would let it pass: 2^levels times the letter a. */
export function doublingGrammar(levels: number): Grammar {
  return {
    version: 1,
    nodes: Array.from({ length: levels + 1 }, (_, id) =>
      id === levels ? { kind: 'bytes', bytes: 'a' } : { kind: 'sequence', items: [id + 1, id + 1] },
    ),
    dfas: [],
    root: 0,
    minBytes: Array.from({ length: levels + 1 }, (_, id) => 2 ** (levels - id)),
  };
}
