/**
 * Which tokens may follow a configuration, as a set of bits. Inside strings and other wide places
 * nearly every token stays inside, whatever surrounds it: those sets are made once for each place
 * (`Interior`), with a list of the few tokens that leave it, which are read on in its surroundings.
 */
import { RecentCache } from '../../base/recent-cache.ts';
import type { Automaton } from './automaton.ts';
import type { Configuration, Stack } from './configuration.ts';
import { walkTokens } from './token-walk.ts';
import type { Vocabulary } from './vocabulary.ts';

export interface CacheBytes {
  /** Bytes for masks of whole configurations. */
  readonly masks: number;
  /** Bytes for interiors. */
  readonly interiors: number;
}

export const DEFAULT_CACHE_BYTES: CacheBytes = { masks: 512 * 1024, interiors: 1024 * 1024 };
/** An interior with more leaving tokens saves nothing. */
const MAX_LEAVING = 8192;

/** Tokens by how they go on inside one place. */
interface Interior {
  readonly inside: Uint32Array;
  /** Pairs: a token, and after how many of its bytes the place can be left. */
  readonly leaving: Uint32Array;
}

function interiorBytes(interior: Interior | null): number {
  return interior === null ? 0 : interior.inside.byteLength + interior.leaving.byteLength;
}

export class Masks {
  /** Masks that had to be made. */
  misses = 0;
  readonly #automaton: Automaton;
  readonly #vocabulary: Vocabulary;
  readonly #masks: RecentCache<Configuration, Uint32Array>;
  readonly #interiors: RecentCache<string, Interior | null>;

  constructor(automaton: Automaton, vocabulary: Vocabulary, cacheBytes: CacheBytes) {
    this.#automaton = automaton;
    this.#vocabulary = vocabulary;
    this.#masks = new RecentCache({
      maxSize: cacheBytes.masks,
      sizeOf: ({ byteLength }) => byteLength,
    });
    this.#interiors = new RecentCache({ maxSize: cacheBytes.interiors, sizeOf: interiorBytes });
  }

  /** Bit `token & 31` of word `token >> 5`; shared with the cache, not to be written to. */
  of(configuration: Configuration): Uint32Array {
    const known = this.#masks.get(configuration);
    if (known !== undefined) return known;
    this.misses++;
    const mask = this.#compute(configuration);
    this.#masks.set(configuration, mask);
    return mask;
  }

  get bytes(): number {
    return this.#masks.size + this.#interiors.size;
  }

  #compute(configuration: Configuration): Uint32Array {
    const mask = this.#emptyMask();
    const others: Stack[] = [];
    for (const stack of configuration.stacks) {
      if (this.#automaton.isEnd(stack)) this.#vocabulary.endTokens.forEach((t) => setBit(mask, t));
      else if (!this.#automaton.isWide(stack) || !this.#addInterior(mask, stack))
        others.push(stack);
    }
    if (others.length > 0) this.#walk(this.#automaton.configurationOf(others), mask);
    return mask;
  }

  #walk(from: Configuration, mask: Uint32Array): void {
    walkTokens(this.#automaton, this.#vocabulary, from, { accept: (token) => setBit(mask, token) });
  }

  /** @returns false when the stack has to be walked as a whole */
  #addInterior(mask: Uint32Array, stack: Stack): boolean {
    const local = this.#automaton.localOf(stack, this.#vocabulary.longestBytes);
    const interior = this.#interiorOf(local);
    if (interior === null) return false;
    for (let word = 0; word < mask.length; word++) mask[word]! |= interior.inside[word]!;
    const rest = this.#automaton.restOf(stack);
    const { leaving } = interior;
    for (let i = 0; i < leaving.length; i += 2)
      if (this.#isReadable(rest, leaving[i]!, leaving[i + 1]!)) setBit(mask, leaving[i]!);
    return true;
  }

  #isReadable(from: Configuration, token: number, depth: number): boolean {
    const { bytes, offsets } = this.#vocabulary;
    let at: Configuration | null = from;
    for (let i = offsets[token]! + depth; i < offsets[token + 1]!; i++) {
      at = this.#automaton.step(at, bytes[i]!);
      if (at === null) return false;
    }
    return true;
  }

  #interiorOf(local: Configuration): Interior | null {
    const name = this.#automaton.nameOf(local);
    const known = this.#interiors.get(name);
    if (known !== undefined) return known;
    const made = this.#computeInterior(local);
    this.#interiors.set(name, made);
    return made;
  }

  #computeInterior(local: Configuration): Interior | null {
    const inside = this.#emptyMask();
    const leaving: number[] = [];
    walkTokens(this.#automaton, this.#vocabulary, local, {
      accept: (token) => setBit(inside, token),
      leave: (token, depth) => {
        if (leaving.length <= 2 * MAX_LEAVING) leaving.push(token, depth);
      },
    });
    if (leaving.length > 2 * MAX_LEAVING) return null;
    return { inside, leaving: Uint32Array.from(leaving) };
  }

  #emptyMask(): Uint32Array {
    return new Uint32Array((this.#vocabulary.nVocab + 31) >>> 5);
  }
}

export function setBit(mask: Uint32Array, token: number): void {
  mask[token >>> 5]! |= 1 << (token & 31);
}

export function hasBit(mask: Uint32Array, token: number): boolean {
  return ((mask[token >>> 5]! >>> (token & 31)) & 1) === 1;
}
