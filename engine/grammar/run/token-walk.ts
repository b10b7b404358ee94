/**
 * Walks all tokens of a vocabulary, in order of their bytes, through an automaton: a beginning that
 * several tokens share is read once, one that leads nowhere ends all of them at once.
 */
import type { Automaton } from './automaton.ts';
import type { Configuration } from './configuration.ts';
import type { Vocabulary } from './vocabulary.ts';

export interface TokenVisitor {
  /** A token all of whose bytes were read. */
  readonly accept: (token: number) => void;
  /** A token that fails, or may fail, after its first `depth` bytes, where the walked part can be left. */
  readonly leave?: (token: number, depth: number) => void;
}

/** Sets the bit of every token that can follow `start`. */
export function walkTokens(
  automaton: Automaton,
  vocabulary: Vocabulary,
  start: Configuration,
  visitor: TokenVisitor,
): void {
  const { firstPlace } = vocabulary;
  const only = start.onlyByte;
  for (let byte = Math.max(only, 0); byte < (only < 0 ? 256 : only + 1); byte++) {
    const [from, to] = [firstPlace[byte]!, firstPlace[byte + 1]!];
    if (from === to) continue;
    const first = automaton.step(start, byte);
    if (first !== null) walkGroup(automaton, vocabulary, first, from, to, visitor);
  }
}

/** By far the hottest loop: every byte of every token that no earlier token shares. */
function walkGroup(
  automaton: Automaton,
  vocabulary: Vocabulary,
  first: Configuration,
  from: number,
  to: number,
  { accept, leave }: TokenVisitor,
): void {
  const { order, shared, bytes, offsets } = vocabulary;
  /** By depth: the configuration after as many bytes. [0] is not used. */
  const path: Configuration[] = [first, first];
  /** Depths at which the walked part can be left, ascending. */
  const exits: number[] = [];
  if (first.leaves) exits.push(1);
  /** Bytes of the current token that could be read. */
  let alive = 1;
  for (let place = from; place < to; place++) {
    const token = order[place]!;
    const common = place === from ? 1 : Math.max(shared[place]!, 1);
    const start = offsets[token]!;
    const length = offsets[token + 1]! - start;
    if (common <= alive) {
      alive = common;
      while (exits.length > 0 && exits[exits.length - 1]! > common) exits.pop();
      for (let at = common; at < length; at++) {
        const next = automaton.step(path[at]!, bytes[start + at]!);
        if (next === null) break;
        alive = at + 1;
        path[alive] = next;
        if (next.leaves) exits.push(alive);
      }
    }
    // A token that shares more than what is alive fails at the same byte.
    if (alive >= length) accept(token);
    else if (leave !== undefined) for (const depth of exits) leave(token, depth);
  }
}
