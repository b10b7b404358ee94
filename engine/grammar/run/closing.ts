/** Ways to the end: the shortest completion of a configuration, and bytes that must follow. */
import { EngineError } from '../../base/errors.ts';
import type { Automaton } from './automaton.ts';
import type { Closing, Configuration } from './configuration.ts';
import { MAX_CLOSING_BYTES } from '../grammar.ts';
import type { Vocabulary } from './vocabulary.ts';

/** An automaton, and the tokens that spell its bytes. */
interface SpelledAutomaton {
  readonly automaton: Automaton;
  readonly vocabulary: Vocabulary;
}

/** Longest run of forced bytes that is looked for. */
const MAX_FORCED_BYTES = 256;

/**
 * The shortest completion in bytes, the first in order when there are several. What remains of it after any of
 * its bytes is the shortest completion there: a plan that is followed stays the plan.
 */
export function closingBytes(automaton: Automaton, from: Configuration): Uint8Array {
  const bytes: number[] = [];
  for (let at = from; at.minBytes > 0;) {
    let least = 256;
    for (const stack of at.stacks) {
      if (stack.minBytes !== at.minBytes) continue;
      // A leaf that is done has its continuation beside it, as a stack of its own.
      least = Math.min(least, automaton.closingByte(stack) ?? 256);
    }
    const next = least < 256 ? automaton.step(at, least) : null;
    if (next === null || next.minBytes !== at.minBytes - 1)
      throw new EngineError('E_INTERNAL', `grammar: no way to the end in ${at.minBytes} bytes.`);
    bytes.push(least);
    at = next;
  }
  return Uint8Array.from(bytes);
}

/** @returns null when no tokens spell the completion, or it is longer than MAX_CLOSING_BYTES */
export function closingOf(
  { automaton, vocabulary }: SpelledAutomaton,
  at: Configuration,
): Closing | null {
  if (at.minBytes > MAX_CLOSING_BYTES) return null;
  if (at.closing === undefined) {
    const tokens = vocabulary.spell(closingBytes(automaton, at));
    at.closing = tokens === null ? null : { tokens, from: 0 };
  }
  return at.closing;
}

/** After the first token of a plan, the rest of it is the plan: no new one is made. */
export function followClosing(at: Configuration, token: number, next: Configuration): void {
  const { closing } = at;
  if (closing == null || next.closing !== undefined) return;
  if (closing.tokens[closing.from] !== token) return;
  next.closing = { tokens: closing.tokens, from: closing.from + 1 };
}

export function forcedBytes(automaton: Automaton, from: Configuration): Uint8Array {
  const bytes: number[] = [];
  let at: Configuration | null = from;
  while (at !== null && bytes.length < MAX_FORCED_BYTES) {
    const byte = at.onlyByte;
    if (byte < 0) break;
    bytes.push(byte);
    at = automaton.step(at, byte);
  }
  return Uint8Array.from(bytes);
}
