/** A regular expression somewhere in a text, in one pass: as an automaton of bounded size, never by backtracking. */
import { Budget } from '../../engine/grammar/build/budget.ts';
import { textDfa } from '../../engine/grammar/build/text-dfa.ts';
import { parseRegex } from '../../engine/grammar/regex/regex-parse.ts';

const LAST_CODE_POINT = 0x10ffff;

export class Pattern {
  /** By state: triples `from, to, target`. */
  readonly #edges: readonly (readonly number[])[];
  readonly #accepting: readonly boolean[];
  /** States that accept whatever follows. */
  readonly #isFinal: readonly boolean[];

  /**
   * @param source the regular part of ECMAScript's syntax
   * @param option what names it in errors
   * @throws {EngineError} E_REQUEST_INVALID for one that is not regular, or too large
   */
  constructor(source: string, option: string) {
    const budget = new Budget(option);
    const { edges, accepting } = textDfa(
      parseRegex(`[\\s\\S]*(?:${source})[\\s\\S]*`, budget),
      budget,
    );
    this.#edges = edges;
    this.#accepting = accepting;
    this.#isFinal = accepting.map(
      (accepts, state) => accepts && coversAll(edges[state] ?? [], state),
    );
  }

  /** Whether it matches somewhere; time grows with the text's length alone. */
  test(text: string): boolean {
    let state = 0;
    for (const char of text) {
      if (this.#isFinal[state] === true) return true;
      const next = nextState(this.#edges[state]!, char.codePointAt(0)!);
      if (next === null) return false;
      state = next;
    }
    return this.#accepting[state] === true;
  }
}

function coversAll(edges: readonly number[], state: number): boolean {
  let expected = 0;
  for (let i = 0; i < edges.length; i += 3) {
    if (edges[i] !== expected || edges[i + 2] !== state) return false;
    expected = edges[i + 1]! + 1;
  }
  return expected > LAST_CODE_POINT;
}

function nextState(edges: readonly number[], code: number): number | null {
  for (let i = 0; i < edges.length; i += 3)
    if (code >= edges[i]! && code <= edges[i + 1]!) return edges[i + 2]!;
  return null;
}
