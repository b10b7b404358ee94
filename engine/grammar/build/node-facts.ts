/** What can be said of a grammar's nodes before any text is read: shortest words, left recursion. */
import type { Budget } from './budget.ts';
import { MAX_MEASURED_BYTES } from '../grammar.ts';
import type { ByteDfa, Grammar, GrammarNode } from '../grammar.ts';

/** By state of a DFA: bytes to the nearest accepting state, Infinity where there is none. */
export function distancesToAcceptance(dfa: ByteDfa): number[] {
  const sources: number[][] = dfa.edges.map(() => []);
  dfa.edges.forEach((edges, state) => {
    for (let i = 2; i < edges.length; i += 3) sources[edges[i]!]!.push(state);
  });
  const distances = dfa.edges.map(() => Infinity);
  for (const state of dfa.accepting) distances[state] = 0;
  // Breadth first: the list grows while it is read.
  const reached = [...dfa.accepting];
  for (const state of reached)
    for (const source of sources[state]!) {
      if (distances[source] !== Infinity) continue;
      distances[source] = distances[state]! + 1;
      reached.push(source);
    }
  return distances;
}

/**
 * By node: bytes of its shortest word, Infinity where it has none (a recursion without a base, or
 * parts that exclude each other), and at most MAX_MEASURED_BYTES where it has one. A fixpoint:
 * when a node gets shorter, those that contain it are measured again.
 */
export function measureNodes(
  nodes: readonly GrammarNode[],
  dfas: readonly ByteDfa[],
  budget: Budget,
): number[] {
  const dfaBytes = dfas.map((dfa) => distancesToAcceptance(dfa)[0]!);
  const owners: number[][] = nodes.map(() => []);
  nodes.forEach((node, id) => childrenOf(node).forEach((child) => owners[child]!.push(id)));
  const minBytes = nodes.map(() => Infinity);
  // A set is read in order and grows while it is read: each node waits in it once.
  const waiting = new Set(nodes.keys());
  for (const id of waiting) {
    budget.spend(1);
    waiting.delete(id);
    const measured = measure(nodes[id]!, minBytes, dfaBytes);
    if (measured >= minBytes[id]!) continue;
    minBytes[id] = measured === Infinity ? measured : Math.min(measured, MAX_MEASURED_BYTES);
    for (const owner of owners[id]!) waiting.add(owner);
  }
  return minBytes;
}

export function childrenOf(node: GrammarNode): readonly number[] {
  if ('items' in node) return node.items;
  return 'item' in node && node.item >= 0 ? [node.item] : [];
}

function measure(
  node: GrammarNode,
  minBytes: readonly number[],
  dfaBytes: readonly number[],
): number {
  switch (node.kind) {
    case 'bytes':
      return node.bytes.length;
    case 'dfa':
      return dfaBytes[node.dfa]!;
    case 'sequence':
      return node.items.reduce((sum, item) => sum + minBytes[item]!, 0);
    case 'choice':
      return node.items.reduce((least, item) => Math.min(least, minBytes[item]!), Infinity);
    case 'repeat':
      return node.min === 0 ? 0 : node.min * minBytes[node.item]!;
    case 'island':
    case 'rule':
      return node.item < 0 ? Infinity : minBytes[node.item]!;
    default:
      return node satisfies never;
  }
}

/** Whether some node can come back to itself before a byte is read. */
export function findLeftRecursion(grammar: Grammar, budget: Budget): boolean {
  const { nodes, minBytes } = grammar;
  const open = new Set<number>();
  const done = new Set<number>();
  const visit = (id: number): boolean => {
    if (open.has(id)) return true;
    if (done.has(id)) return false;
    budget.spend(1);
    open.add(id);
    const loops = leadingChildren(nodes[id]!, minBytes).some(visit);
    open.delete(id);
    done.add(id);
    return loops;
  };
  return nodes.some((_, id) => visit(id));
}

/** Children that can stand at the very beginning: in a sequence also those after empty ones. */
function leadingChildren(node: GrammarNode, minBytes: readonly number[]): readonly number[] {
  if (node.kind !== 'sequence') return childrenOf(node);
  const firstSolid = node.items.findIndex((item) => minBytes[item]! > 0);
  return firstSolid < 0 ? node.items : node.items.slice(0, firstSolid + 1);
}
