/** Automata over code points, and their minimization. */
import type { Budget } from './budget.ts';

/** Starts in state 0; characters that no edge names are refused. */
export interface TextDfa {
  /** By state: triples `from, to, target`, ascending and disjoint. */
  readonly edges: readonly (readonly number[])[];
  readonly accepting: readonly boolean[];
}

/** Above this many states an automaton is used as it is; making it minimal would cost more. */
const MAX_MINIMIZED_STATES = 400;
/** A missing edge. */
export const NOWHERE = -1;

/** Drops dead states and, where that is cheap, equivalent ones (Moore); the words stay the same. */
export function minimize(dfa: TextDfa, budget: Budget): TextDfa {
  const trimmed = withoutDead(dfa, budget);
  const count = trimmed.edges.length;
  if (count > MAX_MINIMIZED_STATES) return trimmed;
  let group = trimmed.accepting.map(Number);
  for (let before = 0; ;) {
    const ids = new Map<string, number>();
    group = trimmed.edges.map((edges, state) => {
      budget.spend(1 + edges.length / 3);
      const key = `${group[state]}:${renamed(edges, group).join()}`;
      if (!ids.has(key)) ids.set(key, ids.size);
      return ids.get(key)!;
    });
    // Numbers are given in the order of states, so that state 0 stays state 0.
    if (ids.size === before) break;
    before = ids.size;
  }
  const first = new Map<number, number>();
  group.forEach((id, state) => first.has(id) || first.set(id, state));
  const states = [...first.values()];
  return {
    edges: states.map((state) => renamed(trimmed.edges[state]!, group)),
    accepting: states.map((state) => trimmed.accepting[state]!),
  };
}

function renamed(edges: readonly number[], names: readonly number[]): number[] {
  const out: number[] = [];
  for (let i = 0; i < edges.length; i += 3)
    if (names[edges[i + 2]!]! >= 0) pushEdge(out, edges[i]!, edges[i + 1]!, names[edges[i + 2]!]!);
  return out;
}

/** Drops states from which nothing is accepted; the start stays. */
function withoutDead(dfa: TextDfa, budget: Budget): TextDfa {
  const sources: number[][] = dfa.edges.map(() => []);
  dfa.edges.forEach((edges, state) => {
    budget.spend(1 + edges.length / 3);
    for (let i = 2; i < edges.length; i += 3) sources[edges[i]!]!.push(state);
  });
  const alive = new Set<number>();
  dfa.accepting.forEach((accepts, state) => accepts && alive.add(state));
  for (const state of alive) sources[state]!.forEach((source) => alive.add(source));
  alive.add(0);
  let next = 0;
  const names = dfa.edges.map((_, state) => (alive.has(state) ? next++ : NOWHERE));
  const kept = names.flatMap((name, state) => (name < 0 ? [] : [state]));
  return {
    edges: kept.map((state) => renamed(dfa.edges[state]!, names)),
    accepting: kept.map((state) => dfa.accepting[state]!),
  };
}

/** Appends an edge; joins it with the last where they touch. */
export function pushEdge(edges: number[], from: number, to: number, target: number): void {
  const last = edges.length - 3;
  if (last >= 0 && edges[last + 2] === target && edges[last + 1] === from - 1) edges[last + 1] = to;
  else edges.push(from, to, target);
}
