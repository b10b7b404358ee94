/**
 * Deterministic automata over code points, and their algebra: built from expressions (Thompson's
 * construction, subsets), combined as products, complemented, made minimal. Every loop spends budget.
 */
import { refuse } from './budget.ts';
import type { Budget } from './budget.ts';
import { sequence } from './expression.ts';
import type { Expression } from './expression.ts';
import { minimize, NOWHERE, pushEdge } from './minimize.ts';
import type { TextDfa } from './minimize.ts';
import { pairsOf } from './ranges.ts';

/** What a state of a nondeterministic automaton costs, in steps. */
const STATE_STEPS = 12;

interface Nfa {
  /** By state: triples `from, to, target`. */
  readonly edges: number[][];
  readonly empty: number[][];
  /** Edges that may be taken only before the first, or after the last character. */
  readonly atStart: number[][];
  readonly atEnd: number[][];
}

/**
 * An automaton of the words of `expression`; with anchors, of the texts that it matches as a whole.
 * @throws {EngineError} E_REQUEST_INVALID past the budget
 */
export function textDfa(expression: Expression, budget: Budget): TextDfa {
  const nfa: Nfa = { edges: [], empty: [], atStart: [], atEnd: [] };
  const start = addState(nfa);
  const end = addExpression(nfa, expression, start, budget);
  return minimize(determinize(nfa, start, end, budget), budget);
}

/** The list of every state that has none of its own: most have one of the four kinds only. */
const NOTHING: number[] = [];

function addState(nfa: Nfa): number {
  for (const list of [nfa.edges, nfa.empty, nfa.atStart, nfa.atEnd]) list.push(NOTHING);
  return nfa.edges.length - 1;
}

function append(lists: number[][], state: number, ...values: readonly number[]): void {
  const list = lists[state]!;
  if (list === NOTHING) lists[state] = [...values];
  else list.push(...values);
}

/** Adds what leads from `from` through a word of the expression; returns the state after it. */
function addExpression(nfa: Nfa, expression: Expression, from: number, budget: Budget): number {
  budget.spend(STATE_STEPS);
  switch (expression.kind) {
    case 'set': {
      const to = addState(nfa);
      for (const [low, high] of pairsOf(expression.set)) append(nfa.edges, from, low, high, to);
      return to;
    }
    case 'start':
    case 'end': {
      const to = addState(nfa);
      append(expression.kind === 'start' ? nfa.atStart : nfa.atEnd, from, to);
      return to;
    }
    case 'sequence':
      return expression.items.reduce((at, item) => addExpression(nfa, item, at, budget), from);
    case 'choice': {
      const to = addState(nfa);
      for (const item of expression.items)
        append(nfa.empty, addExpression(nfa, item, addBehind(nfa, from), budget), to);
      return to;
    }
    case 'repeat':
      return addRepeat(nfa, expression, from, budget);
    case 'rule':
      throw refuse(budget.param, `rule ${expression.name} is not regular`, 'This is a defect.');
    default:
      return expression satisfies never;
  }
}

function addBehind(nfa: Nfa, from: number): number {
  const to = addState(nfa);
  append(nfa.empty, from, to);
  return to;
}

function addRepeat(
  nfa: Nfa,
  { item, min, max }: Expression & { kind: 'repeat' },
  from: number,
  budget: Budget,
): number {
  let at = from;
  for (let i = 0; i < min; i++) at = addExpression(nfa, item, at, budget);
  const to = addState(nfa);
  if (max === null) {
    const loop = addBehind(nfa, at);
    append(nfa.empty, addExpression(nfa, item, loop, budget), loop);
    append(nfa.empty, loop, to);
    return to;
  }
  for (let i = min; i < max; i++) {
    append(nfa.empty, at, to);
    at = addExpression(nfa, item, at, budget);
  }
  append(nfa.empty, at, to);
  return to;
}

function determinize(nfa: Nfa, start: number, end: number, budget: Budget): TextDfa {
  const subsets = new SubsetTable(nfa, end, budget);
  subsets.idOf([start], true);
  const edges: number[][] = [];
  for (let id = 0; id < subsets.members.length; id++) {
    const triples = subsets.members[id]!.flatMap((state) => nfa.edges[state]!);
    edges.push(splitEdges(triples, budget, (targets) => subsets.idOf(targets, false)));
  }
  return { edges, accepting: subsets.accepting };
}

/** Sets of states of the nondeterministic automaton, each closed over empty edges, numbered. */
class SubsetTable {
  readonly members: number[][] = [];
  readonly accepting: boolean[] = [];
  readonly #ids = new Map<string, number>();
  readonly #nfa: Nfa;
  readonly #end: number;
  readonly #budget: Budget;

  constructor(nfa: Nfa, end: number, budget: Budget) {
    this.#nfa = nfa;
    this.#end = end;
    this.#budget = budget;
  }

  idOf(states: readonly number[], isStart: boolean): number {
    const closed = this.#close(states, isStart, false);
    // The start is a state of its own: only there do start anchors hold.
    const key = `${isStart ? '^' : ''}${closed.join()}`;
    const known = this.#ids.get(key);
    if (known !== undefined) return known;
    this.#ids.set(key, this.members.length);
    this.members.push(closed);
    this.accepting.push(this.#close(closed, isStart, true).includes(this.#end));
    return this.members.length - 1;
  }

  #close(states: readonly number[], isStart: boolean, isEnd: boolean): number[] {
    const { empty, atStart, atEnd } = this.#nfa;
    const found = new Set(states);
    const visit = (targets: readonly number[]) => targets.forEach((target) => found.add(target));
    for (const state of found) {
      this.#budget.spend(1);
      visit(empty[state]!);
      if (isStart) visit(atStart[state]!);
      if (isEnd) visit(atEnd[state]!);
    }
    return [...found].sort((a, b) => a - b);
  }
}

/** Splits overlapping triples into disjoint ones; `name` turns their targets into one. */
function splitEdges(
  triples: readonly number[],
  budget: Budget,
  name: (targets: readonly number[]) => number,
): number[] {
  const marks: [number, boolean, number][] = [];
  for (let i = 0; i < triples.length; i += 3) {
    marks.push([triples[i]!, true, triples[i + 2]!], [triples[i + 1]! + 1, false, triples[i + 2]!]);
  }
  marks.sort((a, b) => a[0] - b[0]);
  budget.spend(marks.length);
  const counts = new Map<number, number>();
  const out: number[] = [];
  for (const [index, [at, opens, target]] of marks.entries()) {
    const count = (counts.get(target) ?? 0) + (opens ? 1 : -1);
    if (count === 0) counts.delete(target);
    else counts.set(target, count);
    const next = marks[index + 1]?.[0] ?? at;
    if (next === at || counts.size === 0) continue;
    budget.spend(counts.size);
    pushEdge(out, at, next - 1, name([...counts.keys()]));
  }
  return out;
}

/**
 * Words that `accepts` picks by whether `a` and `b` have them. A missing edge of one side is followed
 * where it can still lead to acceptance (`a` and not `b` goes on where `b` ends).
 */
export function combine(
  a: TextDfa,
  b: TextDfa,
  accepts: (inA: boolean, inB: boolean) => boolean,
  budget: Budget,
): TextDfa {
  const ids = new Map<string, number>();
  const pairs: [number, number][] = [];
  const accepting: boolean[] = [];
  const idOf = (left: number, right: number): number => {
    const key = `${left},${right}`;
    const known = ids.get(key);
    if (known !== undefined) return known;
    ids.set(key, pairs.length);
    accepting.push(accepts(a.accepting[left] ?? false, b.accepting[right] ?? false));
    pairs.push([left, right]);
    return pairs.length - 1;
  };
  idOf(0, 0);
  const edges: number[][] = [];
  for (let id = 0; id < pairs.length; id++) {
    const [left, right] = pairs[id]!;
    edges.push(productEdges(a.edges[left] ?? [], b.edges[right] ?? [], accepts, budget, idOf));
  }
  return minimize({ edges, accepting }, budget);
}

function productEdges(
  a: readonly number[],
  b: readonly number[],
  accepts: (inA: boolean, inB: boolean) => boolean,
  budget: Budget,
  idOf: (left: number, right: number) => number,
): number[] {
  const starts = new Set<number>();
  for (const edges of [a, b])
    for (let i = 0; i < edges.length; i += 3) starts.add(edges[i]!).add(edges[i + 1]! + 1);
  const cuts = [...starts].sort((x, y) => x - y);
  budget.spend(1 + cuts.length);
  const out: number[] = [];
  let [i, j] = [0, 0];
  for (let k = 0; k + 1 < cuts.length; k++) {
    const from = cuts[k]!;
    while (i < a.length && a[i + 1]! < from) i += 3;
    while (j < b.length && b[j + 1]! < from) j += 3;
    const left = i < a.length && a[i]! <= from ? a[i + 2]! : NOWHERE;
    const right = j < b.length && b[j]! <= from ? b[j + 2]! : NOWHERE;
    const canAccept = accepts(left >= 0, right >= 0) || accepts(left >= 0, false);
    if (left < 0 && right < 0) continue;
    if (canAccept || accepts(false, right >= 0))
      pushEdge(out, from, cuts[k + 1]! - 1, idOf(left, right));
  }
  return out;
}

export function intersection(a: TextDfa, b: TextDfa, budget: Budget): TextDfa {
  return combine(a, b, (inA, inB) => inA && inB, budget);
}

/** Words of `a` that are not words of `b`. */
export function difference(a: TextDfa, b: TextDfa, budget: Budget): TextDfa {
  return combine(a, b, (inA, inB) => inA && !inB, budget);
}

/** Whether no word is accepted. */
export function isNever(dfa: TextDfa): boolean {
  return !dfa.accepting.includes(true);
}

export function hasWord(dfa: TextDfa, text: string): boolean {
  let state = 0;
  for (const character of text) {
    state = stepText(dfa, state, character.codePointAt(0)!);
    if (state < 0) return false;
  }
  return dfa.accepting[state]!;
}

function stepText(dfa: TextDfa, state: number, codePoint: number): number {
  const edges = dfa.edges[state]!;
  for (let i = 0; i < edges.length; i += 3)
    if (codePoint >= edges[i]! && codePoint <= edges[i + 1]!) return edges[i + 2]!;
  return NOWHERE;
}

/** Texts that contain a match of `pattern` somewhere, as JSON Schema's `pattern` means it. */
export function containing(pattern: Expression, any: Expression, budget: Budget): TextDfa {
  const anything: Expression = { kind: 'repeat', item: any, min: 0, max: null };
  return textDfa(sequence(anything, pattern, anything), budget);
}

export type { TextDfa };
