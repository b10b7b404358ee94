/**
 * Runs a grammar over bytes. A reading is a stack of frames (places in nodes) with a leaf on top; a
 * configuration is the set of all readings that are possible at once. Stacks and configurations are
 * made once and compared by identity (hash-consing, as in xgrammar, arXiv 2411.15100), and each
 * configuration remembers where bytes lead: what was read before is a table look-up.
 */
import { Closure, Configuration, Stack } from './configuration.ts';
import type { Frame } from './configuration.ts';
import type { Grammar, GrammarNode } from '../grammar.ts';
import { distancesToAcceptance } from '../build/node-facts.ts';

/** Readings followed at once; when there are more, those that can end soonest are kept. */
export const MAX_READINGS = 1024;
/** Stacks and configurations remembered before all are dropped; a few MB. */
const MAX_STACKS = 16_384;
const MAX_CONFIGURATIONS = 4_096;
/** Bytes seen at a configuration before its table becomes an array. */
const MAX_FEW = 12;
/** Frames of an island below a leaf: its sequence, its repetition, the island. */
const MAX_ISLAND_FRAMES = 4;
/** A state that goes on with at least this many bytes counts as free text. */
const WIDE_BYTES = 64;

export class Automaton {
  readonly grammar: Grammar;
  readonly start: Configuration;
  readonly #end: Stack;
  readonly #hole: Stack;
  /** By DFA, by state: bytes to acceptance. */
  readonly #distances: readonly (readonly number[])[];
  readonly #accepting: readonly ReadonlySet<number>[];
  readonly #frames = new Map<number, Map<number, Frame>>();
  #stacks = new Map<number, Stack>();
  #configurations = new Map<string, Configuration>();
  #nextId = 1;
  #epoch = 0;

  constructor(grammar: Grammar) {
    this.grammar = grammar;
    this.#distances = grammar.dfas.map(distancesToAcceptance);
    this.#accepting = grammar.dfas.map(({ accepting }) => new Set(accepting));
    this.#end = new Stack(0, this.#specialFrame(), null);
    this.#hole = new Stack(this.#nextId++, this.#specialFrame(), null);
    const found = new Closure();
    this.#enter(grammar.root, this.#end, found);
    this.start = this.configurationOf(found.tops);
  }

  /** The configuration after one more byte; null when the grammar does not allow it. */
  step(from: Configuration, byte: number): Configuration | null {
    // Keywords refuse nearly everything: not worth remembering.
    if (from.onlyByte >= 0 && from.onlyByte !== byte) return null;
    if (from.epoch !== this.#epoch) this.#forgetSteps(from);
    const known = from.many === null ? from.few.get(byte) : from.many[byte];
    if (known !== undefined) return known;
    const found = new Closure();
    for (const stack of from.stacks) this.#stepStack(stack, byte, found);
    const next = found.tops.size === 0 ? null : this.configurationOf(found.tops);
    this.#remember(from, byte, next);
    return next;
  }

  /** Whether the stack waits inside something like free text: a string, not a keyword. */
  isWide({ frame }: Stack): boolean {
    const node = this.#nodeOf(frame);
    if (node?.kind !== 'dfa') return false;
    const edges = this.grammar.dfas[node.dfa]!.edges[frame.a]!;
    let count = 0;
    for (let i = 0; i < edges.length; i += 3) count += 1 + edges[i + 1]! - edges[i]!;
    return count >= WIDE_BYTES;
  }

  isEnd(stack: Stack): boolean {
    return stack === this.#end;
  }

  /**
   * The upper part of a stack that waits at a leaf: the leaf, or all of the island around it, on a
   * hole. Counts that no token can exhaust (`longest` bytes) are made equal, so that parts repeat.
   */
  localOf(stack: Stack, longest: number): Configuration {
    stack.local ??= this.configurationOf(
      new Set([
        this.#upperFrames(stack).reduceRight<Stack>(
          (below, { frame }) => this.#push(this.#clamped(frame, longest), below),
          this.#hole,
        ),
      ]),
    );
    return stack.local;
  }

  /** What can follow once the upper part of `stack` is left. */
  restOf(stack: Stack): Configuration {
    if (stack.rest === null) {
      const found = new Closure();
      this.#resume(this.#upperFrames(stack).at(-1).parent!, found);
      stack.rest = this.configurationOf(found.tops);
    }
    return stack.rest;
  }

  /** A name of an upper part, unique for as long as its frames live. */
  nameOf(local: Configuration): string {
    let name = '';
    for (let at: Stack | null = local.stacks[0]!; at !== null; at = at.parent)
      name += `${at.frame.id},`;
    return name;
  }

  /** The configuration of these readings. */
  configurationOf(stacks: Iterable<Stack>): Configuration {
    const sorted = this.#limited([...stacks]).sort((a, b) => a.id - b.id);
    const key = sorted.map(({ id }) => id).join();
    const known = this.#configurations.get(key);
    if (known !== undefined) return known;
    const made = new Configuration(sorted, this.#onlyByteOf(sorted), this.#end, this.#hole);
    this.#configurations.set(key, made);
    if (this.#configurations.size > MAX_CONFIGURATIONS || this.#stacks.size > MAX_STACKS)
      this.#forget();
    return made;
  }

  /** The least byte that brings `stack` nearer to its end. */
  closingByte({ frame }: Stack): number | null {
    const node = this.#nodeOf(frame);
    if (node?.kind === 'bytes') return node.bytes.charCodeAt(frame.a);
    return node?.kind === 'dfa' ? this.#closingEdge(node.dfa, frame.a) : null;
  }

  /** Every byte that `closingByte` can give. */
  closingAlphabet(): Set<number> {
    const bytes = new Set<number>();
    for (const node of this.grammar.nodes)
      if (node.kind === 'bytes')
        for (let i = 0; i < node.bytes.length; i++) bytes.add(node.bytes.charCodeAt(i));
    this.grammar.dfas.forEach((dfa, id) =>
      dfa.edges.forEach((_, state) => bytes.add(this.#closingEdge(id, state) ?? 0x20)),
    );
    return bytes;
  }

  #closingEdge(dfa: number, state: number): number | null {
    const distances = this.#distances[dfa]!;
    const edges = this.grammar.dfas[dfa]!.edges[state]!;
    for (let i = 0; i < edges.length; i += 3)
      if (distances[edges[i + 2]!] === distances[state]! - 1) return edges[i]!;
    return null;
  }

  /** How many stacks and configurations are remembered now. */
  get remembered(): { readonly stacks: number; readonly configurations: number } {
    return { stacks: this.#stacks.size, configurations: this.#configurations.size };
  }

  #stepStack(stack: Stack, byte: number, found: Closure): void {
    const { frame, parent } = stack;
    const node = this.#nodeOf(frame);
    if (node?.kind === 'bytes') {
      if (node.bytes.charCodeAt(frame.a) !== byte) return;
      if (frame.a + 1 === node.bytes.length) this.#resume(parent!, found);
      else found.tops.add(this.#push(this.#frameOf(frame.node, frame.a + 1), parent!));
    } else if (node?.kind === 'dfa') {
      const edges = this.grammar.dfas[node.dfa]!.edges[frame.a]!;
      for (let i = 0; i < edges.length && edges[i]! <= byte; i += 3)
        if (byte <= edges[i + 1]!) this.#enterState(frame.node, edges[i + 2]!, parent!, found);
    }
  }

  #enterState(id: number, state: number, below: Stack, found: Closure): void {
    const { dfa } = this.grammar.nodes[id] as GrammarNode & { kind: 'dfa' };
    if (this.#accepting[dfa]!.has(state)) this.#resume(below, found);
    if (this.grammar.dfas[dfa]!.edges[state]!.length > 0)
      found.tops.add(this.#push(this.#frameOf(id, state), below));
  }

  /** Adds every stack that can read the first byte of node `id` above `below`. */
  #enter(id: number, below: Stack, found: Closure): void {
    const node = this.grammar.nodes[id]!;
    switch (node.kind) {
      case 'bytes':
        if (node.bytes === '') this.#resume(below, found);
        else found.tops.add(this.#push(this.#frameOf(id, 0), below));
        return;
      case 'dfa':
        return this.#enterState(id, 0, below, found);
      case 'sequence':
        return this.#enterItem(id, node, 0, below, found);
      case 'choice':
        for (const item of node.items) this.#enter(item, below, found);
        return;
      case 'repeat':
        return this.#resume(this.#push(this.#repeatFrame(id, node.min, node.max), below), found);
      case 'island':
        return this.#enter(node.item, this.#push(this.#frameOf(id, 0), below), found);
      case 'rule':
        if (found.isNew(id, below)) this.#enter(node.item, below, found);
        return;
      default:
        return node satisfies never;
    }
  }

  #enterItem(
    id: number,
    { items }: GrammarNode & { kind: 'sequence' },
    index: number,
    below: Stack,
    found: Closure,
  ): void {
    if (index === items.length) return this.#resume(below, found);
    // The last item returns straight to what is below: right recursion needs no depth.
    const isLast = index + 1 === items.length;
    const next = isLast ? below : this.#push(this.#frameOf(id, index + 1), below);
    this.#enter(items[index]!, next, found);
  }

  /** Continues at the place that a finished item returns to. */
  #resume(stack: Stack, found: Closure): void {
    if (found.resumed.has(stack)) return;
    found.resumed.add(stack);
    const { frame, parent } = stack;
    const node = this.#nodeOf(frame);
    if (node === undefined) found.tops.add(stack);
    else if (node.kind === 'sequence') this.#enterItem(frame.node, node, frame.a, parent!, found);
    else if (node.kind === 'island') this.#resume(parent!, found);
    else if (node.kind === 'repeat') this.#resumeRepeat(frame, node.item, parent!, found);
  }

  #resumeRepeat({ node, a, b }: Frame, item: number, below: Stack, found: Closure): void {
    if (a === 0 || this.grammar.minBytes[item] === 0) this.#resume(below, found);
    if (b === 0) return;
    const left = this.#repeatFrame(node, Math.max(a - 1, 0), b === Infinity ? null : b - 1);
    this.#enter(item, this.#push(left, below), found);
  }

  /** Frames from the top of a stack that belong together, the top first. */
  #upperFrames(stack: Stack): Stack[] {
    const upper = [stack];
    for (let at = stack.parent; at !== null && upper.length <= MAX_ISLAND_FRAMES; at = at.parent) {
      upper.push(at);
      if (this.#nodeOf(at.frame)?.kind === 'island') return upper;
    }
    return [stack];
  }

  #clamped(frame: Frame, longest: number): Frame {
    const node = this.#nodeOf(frame);
    if (node?.kind !== 'repeat') return frame;
    const min = Math.min(frame.a, longest + 1);
    return this.#repeatFrame(frame.node, min, frame.b > longest ? null : frame.b);
  }

  #push(frame: Frame, below: Stack): Stack {
    const key = frame.id * 2 ** 27 + below.id;
    let stack = this.#stacks.get(key);
    if (stack === undefined) {
      stack = new Stack(this.#nextId++, frame, below);
      this.#stacks.set(key, stack);
    }
    return stack;
  }

  #repeatFrame(node: number, min: number, max: number | null): Frame {
    return this.#frameOf(node, min, max ?? Infinity);
  }

  #frameOf(node: number, a: number, b = 0): Frame {
    let places = this.#frames.get(node);
    if (places === undefined) this.#frames.set(node, (places = new Map<number, Frame>()));
    // Counts stay below 2^21 (MAX_COUNT); 2^21 - 1 stands for no end.
    const key = a * 2 ** 21 + Math.min(b, 2 ** 21 - 1);
    let frame = places.get(key);
    if (frame === undefined) {
      frame = { id: this.#nextId++, node, a, b, minBytes: this.#measure(node, a) };
      places.set(key, frame);
    }
    return frame;
  }

  #measure(id: number, a: number): number {
    const node = this.grammar.nodes[id]!;
    const { minBytes } = this.grammar;
    if (node.kind === 'bytes') return node.bytes.length - a;
    if (node.kind === 'dfa') return this.#distances[node.dfa]![a]!;
    if (node.kind === 'repeat') return a === 0 ? 0 : a * minBytes[node.item]!;
    if (node.kind === 'sequence')
      return node.items.slice(a).reduce((sum, item) => sum + minBytes[item]!, 0);
    return 0;
  }

  #specialFrame(): Frame {
    return { id: this.#nextId++, node: -1, a: 0, b: 0, minBytes: 0 };
  }

  #nodeOf(frame: Frame): GrammarNode | undefined {
    return frame.node < 0 ? undefined : this.grammar.nodes[frame.node];
  }

  #onlyByteOf(stacks: readonly Stack[]): number {
    const bytes = new Set(stacks.map(({ frame }) => this.#singleByte(frame)));
    return bytes.size === 1 ? [...bytes][0]! : -1;
  }

  #singleByte(frame: Frame): number {
    const node = this.#nodeOf(frame);
    if (node?.kind === 'bytes') return node.bytes.charCodeAt(frame.a);
    if (node?.kind !== 'dfa') return -1;
    const edges = this.grammar.dfas[node.dfa]!.edges[frame.a]!;
    return edges.length === 3 && edges[0] === edges[1] ? edges[0]! : -1;
  }

  /** Dropping readings allows less, never more; the one that ends soonest stays. */
  #limited(stacks: Stack[]): Stack[] {
    if (stacks.length <= MAX_READINGS) return stacks;
    return stacks.sort((a, b) => a.minBytes - b.minBytes || a.id - b.id).slice(0, MAX_READINGS);
  }

  #remember(from: Configuration, byte: number, next: Configuration | null): void {
    if (from.epoch !== this.#epoch) this.#forgetSteps(from);
    if (from.many !== null) from.many[byte] = next;
    else from.few.set(byte, next);
    if (from.few.size <= MAX_FEW) return;
    from.many = new Array<Configuration | null | undefined>(256).fill(undefined);
    for (const [at, to] of from.few) from.many[at] = to;
    from.few = new Map();
  }

  /** Live configurations stay usable; the tables start anew. */
  #forget(): void {
    this.#stacks = new Map();
    this.#configurations = new Map();
    this.#epoch++;
    for (const [node, places] of this.#frames)
      if (this.grammar.nodes[node]!.kind === 'repeat') places.clear();
  }

  #forgetSteps(configuration: Configuration): void {
    configuration.epoch = this.#epoch;
    configuration.few = new Map();
    configuration.many = null;
  }
}
