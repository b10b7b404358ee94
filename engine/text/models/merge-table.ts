/** The merges of a BPE vocabulary: which pair of pieces becomes which, and which pair goes first. */
import { crowded, foldHash, IntList, MAX_PROBES } from '../piece-table.ts';
import type { PieceTable } from '../piece-table.ts';

const EMPTY = -1;
/** Slots of the hash table for each merge, at least. */
const SPREAD = 1.6;

export class MergeTable {
  readonly #pieces: PieceTable;
  readonly #left = new IntList();
  readonly #right = new IntList();
  readonly #joined = new IntList();
  #slots = new Int32Array(2048).fill(EMPTY);
  #scratch = new Uint8Array(256);

  constructor(pieces: PieceTable) {
    this.#pieces = pieces;
  }

  /** Number of merges, also of those that can never be used. */
  get size(): number {
    return this.#left.length;
  }

  /** The next merge in order, of two entries of the vocabulary. Of two of a pair, the last counts. */
  add(left: number, right: number): void {
    const rank = this.size;
    this.#left.push(left);
    this.#right.push(right);
    this.#joined.push(this.#join(left, right));
    this.#slots[this.#slotOf(left, right)] = rank;
    if (this.size * SPREAD > this.#slots.length) this.#rehash(2 * this.#slots.length);
  }

  /** A place in the order that no pair has. */
  addNothing(): void {
    this.#left.push(EMPTY);
    this.#right.push(EMPTY);
    this.#joined.push(EMPTY);
  }

  /** Rank of the merge of two entries; -1 when they have none. */
  rankOf(left: number, right: number): number {
    return left < 0 || right < 0 ? EMPTY : this.#slots[this.#slotOf(left, right)]!;
  }
  leftOf(rank: number): number {
    return this.#left.at(rank);
  }
  rightOf(rank: number): number {
    return this.#right.at(rank);
  }
  joinedOf(rank: number): number {
    return this.#joined.at(rank);
  }

  trim(): void {
    this.#left.trim();
    this.#right.trim();
    this.#joined.trim();
  }

  #join(left: number, right: number): number {
    const a = this.#pieces.bytesOf(left);
    const b = this.#pieces.bytesOf(right);
    const length = a.length + b.length;
    if (this.#scratch.length < length) this.#scratch = new Uint8Array(2 * length);
    this.#scratch.set(a);
    this.#scratch.set(b, a.length);
    return this.#pieces.intern(this.#scratch, 0, length);
  }

  #slotOf(left: number, right: number): number {
    const mask = this.#slots.length - 1;
    let slot = hashPair(left, right) & mask;
    for (let nProbe = 0; nProbe < MAX_PROBES; nProbe++) {
      const rank = this.#slots[slot]!;
      if (rank === EMPTY) return slot;
      if (this.#left.at(rank) === left && this.#right.at(rank) === right) return slot;
      slot = (slot + 1) & mask;
    }
    throw crowded();
  }

  #rehash(nSlot: number): void {
    this.#slots = new Int32Array(nSlot).fill(EMPTY);
    for (let rank = 0; rank < this.size; rank++) {
      const left = this.#left.at(rank);
      if (left !== EMPTY) this.#slots[this.#slotOf(left, this.#right.at(rank))] = rank;
    }
  }
}

function hashPair(left: number, right: number): number {
  return foldHash(Math.imul(Math.imul(left, 0x9e3779b1) ^ right, 0x85ebca6b));
}
