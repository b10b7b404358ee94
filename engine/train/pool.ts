/** Addresses that are used again: results of one size take each other's place once nothing reads them any more. */
import type { Arena } from './arena.ts';

export class Pool {
  readonly #arena: Arena;
  readonly #free = new Map<number, number[]>();

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  /** Room for n values of 4 bytes. */
  take(n: number): number {
    return this.#free.get(n)?.pop() ?? this.#arena.values(n);
  }

  /** Gives back what `take(n)` gave. */
  give(n: number, address: number): void {
    const same = this.#free.get(n) ?? [];
    this.#free.set(n, same);
    same.push(address);
  }
}
