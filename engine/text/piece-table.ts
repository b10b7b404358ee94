/**
 * The pieces of a vocabulary as one run of UTF-8 with a hash table over it: about 20 bytes a piece
 * beside its text, where a map of strings and an array take 150.
 */

import { EngineError } from '../base/errors.ts';

/** Slots of the hash table for each piece, at least. */
const SPREAD = 1.6;
/** Slots looked at for one entry; honest tables need a few dozen. */
export const MAX_PROBES = 8192;
const EMPTY = -1;

/** A list of 32-bit integers that grows. */
export class IntList {
  #values: Int32Array;
  length = 0;

  constructor(capacity = 1024) {
    this.#values = new Int32Array(capacity);
  }

  push(value: number): void {
    if (this.length === this.#values.length) {
      const larger = new Int32Array(2 * this.length);
      larger.set(this.#values);
      this.#values = larger;
    }
    this.#values[this.length++] = value;
  }

  at(index: number): number {
    return this.#values[index]!;
  }

  set(index: number, value: number): void {
    this.#values[index] = value;
  }

  /** Gives back the room beyond the last value. */
  trim(): void {
    this.#values = this.#values.slice(0, this.length);
  }
}

const decoder = new TextDecoder('utf-8', { fatal: false, ignoreBOM: true });

export class PieceTable {
  #bytes = new Uint8Array(4096);
  /** Where each entry begins, and at last where the next would. */
  readonly #starts = new IntList();
  readonly #ids = new IntList();
  #entryOfId = new Int32Array(1024).fill(EMPTY);
  #slots = new Int32Array(2048).fill(EMPTY);
  #maxId = -1;

  constructor() {
    this.#starts.push(0);
  }

  get size(): number {
    return this.#ids.length;
  }
  /** The largest id; -1 without any. */
  get maxId(): number {
    return this.#maxId;
  }

  /** Bytes of all tables. */
  get byteLength(): number {
    return (
      this.#bytes.length +
      4 * (this.#starts.length + this.#ids.length + this.#entryOfId.length + this.#slots.length)
    );
  }

  /** Entry of the bytes `start` to `end` of `from`; -1 when there is none. */
  find(from: Uint8Array, start: number, end: number): number {
    return this.#slots[this.#slotOf(from, start, end)]!;
  }

  /** The same for bytes whose hash is known (`hashByte`). */
  findHashed(hash: number, from: Uint8Array, start: number, end: number): number {
    return this.#slots[this.#slotOfHash(hash, from, start, end)]!;
  }

  /**
   * Entry of these bytes, made when there is none.
   * @throws {EngineError} E_TOKENIZER_INVALID when entries are made to collide.
   */
  intern(from: Uint8Array, start: number, end: number): number {
    const slot = this.#slotOf(from, start, end);
    const known = this.#slots[slot]!;
    if (known !== EMPTY) return known;
    const entry = this.size;
    const at = this.#starts.at(entry);
    this.#reserve(at + end - start);
    this.#bytes.set(from.subarray(start, end), at);
    this.#starts.push(at + end - start);
    this.#ids.push(EMPTY);
    this.#slots[slot] = entry;
    if (this.size * SPREAD > this.#slots.length) this.#rehash(2 * this.#slots.length);
    return entry;
  }

  /** The last id given to an entry counts. */
  setId(entry: number, id: number): void {
    this.#ids.set(entry, id);
    if (id >= this.#entryOfId.length) {
      const larger = new Int32Array(Math.max(id + 1, 2 * this.#entryOfId.length)).fill(EMPTY);
      larger.set(this.#entryOfId);
      this.#entryOfId = larger;
    }
    this.#entryOfId[id] = entry;
    this.#maxId = Math.max(this.#maxId, id);
  }

  /** The token's id; -1 for an entry that is no token. */
  idOf(entry: number): number {
    return entry === EMPTY ? EMPTY : this.#ids.at(entry);
  }

  /** Id of the piece `text`; null when there is none. */
  idOfText(text: string): number | null {
    const bytes = new TextEncoder().encode(text);
    const id = this.idOf(this.find(bytes, 0, bytes.length));
    return id < 0 ? null : id;
  }

  /** The piece of a token; undefined for ids without one. */
  pieceOf(id: number): string | undefined {
    const entry = this.#entryOfId[id] ?? EMPTY;
    return entry === EMPTY ? undefined : decoder.decode(this.bytesOf(entry));
  }

  /** The UTF-8 of an entry, not to be written to. */
  bytesOf(entry: number): Uint8Array {
    return this.#bytes.subarray(this.#starts.at(entry), this.#starts.at(entry + 1));
  }

  /** Gives back the room that growing left. */
  trim(): void {
    this.#bytes = this.#bytes.slice(0, this.#starts.at(this.size));
    this.#entryOfId = this.#entryOfId.slice(0, this.#maxId + 1);
    this.#starts.trim();
    this.#ids.trim();
  }

  #reserve(length: number): void {
    if (length <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(length, 2 * this.#bytes.length));
    larger.set(this.#bytes);
    this.#bytes = larger;
  }

  /** The slot that holds these bytes, or the empty one where they belong. */
  #slotOf(from: Uint8Array, start: number, end: number): number {
    return this.#slotOfHash(hashBytes(from, start, end), from, start, end);
  }

  #slotOfHash(hash: number, from: Uint8Array, start: number, end: number): number {
    const slots = this.#slots;
    const mask = slots.length - 1;
    let slot = foldHash(hash) & mask;
    let nProbe = 0;
    for (let entry = slots[slot]!; entry !== EMPTY; entry = slots[slot]!) {
      if (this.#equals(entry, from, start, end)) return slot;
      if (++nProbe > MAX_PROBES) throw crowded();
      slot = (slot + 1) & mask;
    }
    return slot;
  }

  #equals(entry: number, from: Uint8Array, start: number, end: number): boolean {
    const at = this.#starts.at(entry);
    if (this.#starts.at(entry + 1) - at !== end - start) return false;
    const bytes = this.#bytes;
    for (let i = start; i < end; i++) if (bytes[at + i - start] !== from[i]) return false;
    return true;
  }

  #rehash(nSlot: number): void {
    this.#slots = new Int32Array(nSlot).fill(EMPTY);
    const mask = nSlot - 1;
    for (let entry = 0; entry < this.size; entry++) {
      const hash = hashBytes(this.#bytes, this.#starts.at(entry), this.#starts.at(entry + 1));
      let slot = foldHash(hash) & mask;
      while (this.#slots[slot] !== EMPTY) slot = (slot + 1) & mask;
      this.#slots[slot] = entry;
    }
  }
}

/** FNV-1a's hash of nothing, and what one more byte makes of a hash. */
export const EMPTY_HASH = 0x811c9dc5;
export function hashByte(hash: number, byte: number): number {
  return Math.imul(hash ^ byte, 0x01000193);
}

function hashBytes(from: Uint8Array, start: number, end: number): number {
  let hash = EMPTY_HASH;
  for (let i = start; i < end; i++) hash = hashByte(hash, from[i]!);
  return hash;
}

/** The high bits folded in: tables take the low ones. */
export function foldHash(hash: number): number {
  return hash ^ (hash >>> 15);
}

/** Entries that are made to collide would make every search long. */
export function crowded(): EngineError {
  return new EngineError(
    'E_TOKENIZER_INVALID',
    'tokenizer.json: too many entries of the vocabulary share a place; expected those of a real one. ' +
      'Fetch the model again.',
  );
}
