/** Rows by a name that they have. */

/** Names that are counted by themselves; a data set that has more has no such field. */
const MAX_NAMES = 1000;

export interface Counted {
  readonly name: string;
  readonly nRow: number;
}

export class NameCounts {
  readonly #counts = new Map<string, number>();

  add(name: string): void {
    const known = this.#counts.has(name) || this.#counts.size < MAX_NAMES ? name : 'others';
    this.#counts.set(known, this.of(known) + 1);
  }

  of(name: string): number {
    return this.#counts.get(name) ?? 0;
  }

  /** Most first, equal ones by name. */
  sorted(): Counted[] {
    return [...this.#counts]
      .map(([name, nRow]) => ({ name, nRow }))
      .sort((a, b) => b.nRow - a.nRow || (a.name < b.name ? -1 : 1));
  }
}
