/**
 * What an automaton is made of while it reads: frames, stacks of them, and sets of stacks. Each is
 * made once by `automaton.ts` and compared by identity.
 */

/** A place in a node: offset, DFA state, index, or how often it still must (a) and may (b) repeat. */
export interface Frame {
  readonly id: number;
  readonly node: number;
  readonly a: number;
  readonly b: number;
  /** Fewest bytes that follow within this frame. */
  readonly minBytes: number;
}

export class Stack {
  readonly id: number;
  readonly frame: Frame;
  readonly parent: Stack | null;
  /** Bytes of the shortest completion. */
  readonly minBytes: number;
  /** What follows once the top frame (or the island it is in) is done. */
  rest: Configuration | null = null;
  /** The stack's upper part alone, on top of a hole; null until asked for. */
  local: Configuration | null = null;

  constructor(id: number, frame: Frame, parent: Stack | null) {
    this.id = id;
    this.frame = frame;
    this.parent = parent;
    this.minBytes = frame.minBytes + (parent?.minBytes ?? 0);
  }
}

/** A plan of tokens, from index `from` on; shared by all who follow it. */
export interface Closing {
  readonly tokens: readonly number[];
  readonly from: number;
}

export class Configuration {
  /** Leaves on top, or the end, or the hole; ascending by id. */
  readonly stacks: readonly Stack[];
  readonly minBytes: number;
  readonly canEnd: boolean;
  /** The upper part of a stack may be left here. */
  readonly leaves: boolean;
  epoch = -1;
  few = new Map<number, Configuration | null>();
  many: (Configuration | null | undefined)[] | null = null;
  /** Tokens of the shortest completion; undefined until asked for. */
  closing: Closing | null | undefined = undefined;

  /** The one byte that can follow; -1 when there are more, or the end is possible. */
  readonly onlyByte: number;

  constructor(stacks: readonly Stack[], onlyByte: number, end: Stack, hole: Stack) {
    this.stacks = stacks;
    this.onlyByte = onlyByte;
    this.minBytes = stacks.reduce((least, stack) => Math.min(least, stack.minBytes), Infinity);
    this.canEnd = stacks.includes(end);
    this.leaves = stacks.includes(hole);
  }
}

/** Collects what one byte leads to. */
export class Closure {
  readonly tops = new Set<Stack>();
  readonly resumed = new Set<Stack>();
  readonly #entered = new Set<number>();

  isNew(rule: number, below: Stack): boolean {
    const key = rule * 2 ** 27 + below.id;
    if (this.#entered.has(key)) return false;
    this.#entered.add(key);
    return true;
  }
}
