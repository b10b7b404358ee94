/**
 * Puts a `Grammar` together: equal nodes and automata are stored once, common beginnings of
 * alternatives are factored out, what can never match is dropped, left recursion is refused.
 */
import { refuse } from './budget.ts';
import type { Budget } from './budget.ts';
import { byteDfa, byteString } from './byte-dfa.ts';
import type { TextEncoding } from './byte-dfa.ts';
import { MAX_CLOSING_BYTES, MAX_COUNT } from '../grammar.ts';
import type { ByteDfa, Grammar, GrammarNode } from '../grammar.ts';
import { findLeftRecursion, measureNodes } from './node-facts.ts';
import type { TextDfa } from './text-dfa.ts';

export class GrammarBuilder {
  readonly budget: Budget;
  readonly #nodes: GrammarNode[] = [];
  readonly #dfas: ByteDfa[] = [];
  readonly #nodeIds = new Map<string, number>();
  readonly #dfaIds = new Map<string, number>();
  readonly #textIds = new Map<TextDfa, number>();

  constructor(budget: Budget) {
    this.budget = budget;
  }

  /** A node that matches exactly this text, as UTF-8. */
  text(text: string): number {
    return this.bytes(byteString(text));
  }

  bytes(bytes: string): number {
    return this.#add({ kind: 'bytes', bytes });
  }

  textDfa(dfa: TextDfa, encoding: TextEncoding): number {
    const known = encoding === 'json' ? this.#textIds.get(dfa) : undefined;
    if (known !== undefined) return known;
    const id = this.byteDfa(byteDfa(dfa, encoding, this.budget));
    if (encoding === 'json') this.#textIds.set(dfa, id);
    return id;
  }

  byteDfa(dfa: ByteDfa): number {
    const key = JSON.stringify(dfa);
    let index = this.#dfaIds.get(key);
    if (index === undefined) {
      this.budget.grow(dfa.edges.reduce((sum, edges) => sum + edges.length, dfa.accepting.length));
      index = this.#dfas.push(dfa) - 1;
      this.#dfaIds.set(key, index);
    }
    return this.#add({ kind: 'dfa', dfa: index });
  }

  sequence(...items: readonly number[]): number {
    const ids = this.#joined(items.flatMap((item) => this.#sequenceItems(item)));
    if (ids.some((id) => this.isNever(id))) return this.never();
    return ids.length === 1 ? ids[0]! : this.#add({ kind: 'sequence', items: ids });
  }

  /** Alternatives that begin with the same bytes share them, so that one reading follows them. */
  choice(...items: readonly number[]): number {
    const unique = [...new Set(items)].filter((id) => !this.isNever(id));
    const groups = new Map<string, { index: number; bytes: string; rest: number[] }[]>();
    unique.forEach((id, index) => {
      const [first = -1, ...rest] = this.#sequenceItems(id);
      const bytes = this.#bytesOf(first);
      const key = bytes === '' ? `#${index}` : bytes[0]!;
      const entry = { index, bytes, rest };
      const group = groups.get(key);
      if (group === undefined) groups.set(key, [entry]);
      else group.push(entry);
    });
    this.budget.spend(unique.length);
    const merged = [...groups.values()].map((group) => {
      if (group.length === 1) return unique[group[0]!.index]!;
      const shared = commonPrefix(group.map(({ bytes }) => bytes));
      const rests = group.map(({ bytes, rest }) =>
        this.sequence(
          ...(bytes === shared ? [] : [this.bytes(bytes.slice(shared.length))]),
          ...rest,
        ),
      );
      return this.sequence(this.bytes(shared), this.choice(...rests));
    });
    return merged.length === 1 ? merged[0]! : this.#add({ kind: 'choice', items: merged });
  }

  optional(item: number): number {
    return this.isNever(item) ? this.empty() : this.choice(this.empty(), item);
  }

  /** A `max` above MAX_COUNT counts as unbounded: no output is as long. */
  repeat(item: number, min: number, max: number | null): number {
    if (min > MAX_COUNT)
      throw refuse(
        this.budget.param,
        `a minimum count of ${min}; expected at most ${MAX_COUNT}`,
        'No output is that long: lower it.',
      );
    const bound = max !== null && max > MAX_COUNT ? null : max;
    if (bound === 0 || this.isNever(item)) return min > 0 ? this.never() : this.empty();
    if (min === 1 && bound === 1) return item;
    return this.#add({ kind: 'repeat', item, min, max: bound });
  }

  island(item: number): number {
    return this.isNever(item) ? item : this.#add({ kind: 'island', item });
  }

  never(): number {
    return this.#add({ kind: 'choice', items: [] });
  }

  empty(): number {
    return this.#add({ kind: 'sequence', items: [] });
  }

  isNever(id: number): boolean {
    const node = this.#nodes[id]!;
    return node.kind === 'choice' && node.items.length === 0;
  }

  /** Reserves a node for a rule that may be recursive; `define` fills it. */
  reserve(): number {
    this.budget.grow(2);
    return this.#nodes.push({ kind: 'rule', item: -1 }) - 1;
  }

  define(rule: number, item: number): void {
    this.#nodes[rule] = { kind: 'rule', item };
  }

  /** Takes in another grammar; returns the number of its root in this one. */
  include(grammar: Grammar): number {
    const dfas = grammar.dfas.map((dfa) => this.byteDfa(dfa));
    const places = grammar.nodes.map((node) => (node.kind === 'rule' ? this.reserve() : -1));
    const placed = (id: number): number => {
      if (places[id]! < 0) places[id] = this.#includeNode(grammar.nodes[id]!, dfas, placed);
      return places[id]!;
    };
    grammar.nodes.forEach((node, id) => {
      if (node.kind === 'rule') this.define(places[id]!, placed(node.item));
    });
    return placed(grammar.root);
  }

  /**
   * @param nothing message for when no text can match
   * @throws {EngineError} E_REQUEST_INVALID when nothing can match, or nothing that is short enough
   * to be written, or a rule begins with itself
   */
  finish(root: number, nothing: string): Grammar {
    const minBytes = measureNodes(this.#nodes, this.#dfas, this.budget);
    if (minBytes[root] === Infinity)
      throw refuse(this.budget.param, nothing, 'Loosen the parts that exclude each other.');
    if (minBytes[root]! > MAX_CLOSING_BYTES)
      throw refuse(
        this.budget.param,
        `the shortest output that matches has at least ${minBytes[root]} bytes; expected at most ${MAX_CLOSING_BYTES}`,
        'Ask for fewer required parts, or smaller minimum counts and lengths.',
      );
    const grammar = keepReachable(this.#nodes, this.#dfas, root, minBytes);
    const loop = findLeftRecursion(grammar, this.budget);
    if (loop)
      throw refuse(
        this.budget.param,
        'a rule begins with itself (left recursion)',
        'Write the repetition with * or let the rule end with itself.',
      );
    return grammar;
  }

  #includeNode(node: GrammarNode, dfas: readonly number[], placed: (id: number) => number): number {
    switch (node.kind) {
      case 'bytes':
        return this.bytes(node.bytes);
      case 'dfa':
        return dfas[node.dfa]!;
      case 'sequence':
        return this.sequence(...node.items.map(placed));
      case 'choice':
        return this.choice(...node.items.map(placed));
      case 'repeat':
        return this.repeat(placed(node.item), node.min, node.max);
      case 'island':
        return this.island(placed(node.item));
      case 'rule':
        return placed(node.item);
      default:
        return node satisfies never;
    }
  }

  #add(node: GrammarNode): number {
    const key = JSON.stringify(node);
    const known = this.#nodeIds.get(key);
    if (known !== undefined) return known;
    const size = 'items' in node ? node.items.length : 'bytes' in node ? node.bytes.length : 1;
    this.budget.grow(2 + size);
    this.budget.spend(1 + size);
    const id = this.#nodes.push(node) - 1;
    this.#nodeIds.set(key, id);
    return id;
  }

  #sequenceItems(id: number): readonly number[] {
    const node = this.#nodes[id];
    return node?.kind === 'sequence' ? node.items : [id];
  }

  #bytesOf(id: number): string {
    const node = this.#nodes[id];
    return node?.kind === 'bytes' ? node.bytes : '';
  }

  /** Joins neighbouring byte strings and drops empty ones. */
  #joined(items: readonly number[]): number[] {
    const out: number[] = [];
    let bytes = '';
    const flush = () => {
      if (bytes !== '') out.push(this.bytes(bytes));
      bytes = '';
    };
    for (const item of items) {
      const node = this.#nodes[item]!;
      if (node.kind === 'bytes') bytes += node.bytes;
      else {
        flush();
        out.push(item);
      }
    }
    flush();
    return out;
  }
}

function commonPrefix(strings: readonly string[]): string {
  const [first = ''] = strings;
  let length = first.length;
  for (const string of strings) while (!string.startsWith(first.slice(0, length))) length--;
  return first.slice(0, length);
}

/** Keeps what the root leads to, without what can never match, and renumbers it. */
function keepReachable(
  nodes: readonly GrammarNode[],
  dfas: readonly ByteDfa[],
  root: number,
  minBytes: readonly number[],
): Grammar {
  const names = new Map<number, number>([[root, 0]]);
  const dfaNames = new Map<number, number>();
  const rename = (id: number) => nameOf(names, id);
  const kept: GrammarNode[] = [];
  for (const id of names.keys()) {
    const node = nodes[id]!;
    const canMatch = (item: number) => minBytes[item] !== Infinity;
    switch (node.kind) {
      case 'bytes':
        kept.push(node);
        break;
      case 'dfa':
        kept.push({ kind: 'dfa', dfa: nameOf(dfaNames, node.dfa) });
        break;
      case 'sequence':
        kept.push({ kind: 'sequence', items: node.items.map(rename) });
        break;
      case 'choice':
        kept.push({ kind: 'choice', items: node.items.filter(canMatch).map(rename) });
        break;
      case 'repeat':
        // An item that can never match is repeated zero times.
        if (canMatch(node.item)) kept.push({ ...node, item: rename(node.item) });
        else kept.push({ kind: 'sequence', items: [] });
        break;
      case 'island':
      case 'rule':
        kept.push({ kind: node.kind, item: rename(node.item) });
        break;
      default:
        node satisfies never;
    }
  }
  return {
    version: 1,
    nodes: kept,
    dfas: [...dfaNames.keys()].map((id) => dfas[id]!),
    root: 0,
    minBytes: [...names.keys()].map((id) => minBytes[id]!),
  };
}

function nameOf(names: Map<number, number>, id: number): number {
  let name = names.get(id);
  if (name === undefined) names.set(id, (name = names.size));
  return name;
}
