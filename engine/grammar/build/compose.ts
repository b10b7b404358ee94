/**
 * Composes grammars: fixed texts, sequences, alternatives, repetitions, and free text up to a trigger.
 * Tool calls are made of these.
 */
import { Budget } from './budget.ts';
import { GrammarBuilder } from './builder.ts';
import { byteString } from './byte-dfa.ts';
import { ANY_CHARACTER, repeat } from './expression.ts';
import type { ByteDfa, Grammar } from '../grammar.ts';
import { byteDfa } from './byte-dfa.ts';
import { textDfa } from './text-dfa.ts';

const PARAM = 'tools';
const NOTHING = 'no text can match';

/** Matches exactly this text. */
export function literalGrammar(text: string, param = PARAM): Grammar {
  return build(param, (builder) => builder.text(text));
}

/** Matches `parts` in order. @throws {EngineError} E_REQUEST_INVALID past the budget, like all here */
export function sequenceGrammar(parts: readonly Grammar[], param = PARAM): Grammar {
  return build(param, (builder) => builder.sequence(...parts.map((part) => builder.include(part))));
}

/** Matches one of `parts`. Common beginnings are read once, so a thousand alternatives are fine. */
export function choiceGrammar(parts: readonly Grammar[], param = PARAM): Grammar {
  return build(param, (builder) => builder.choice(...parts.map((part) => builder.include(part))));
}

/** Matches `item` `min` to `max` times; null for no upper bound. */
export function repeatGrammar(
  part: Grammar,
  min: number,
  max: number | null,
  param = PARAM,
): Grammar {
  return build(param, (builder) => builder.repeat(builder.include(part), min, max));
}

/** Matches any text in which no trigger occurs, the empty one included. */
export function textWithout(triggers: readonly string[], param = PARAM): Grammar {
  return build(param, (builder) =>
    builder.byteDfa(triggerDfa(triggers, builder.budget, 'without')),
  );
}

/** Matches any text up to and including its first trigger. */
export function textUntil(triggers: readonly string[], param = PARAM): Grammar {
  return build(param, (builder) => builder.byteDfa(triggerDfa(triggers, builder.budget, 'until')));
}

function build(param: string, make: (builder: GrammarBuilder) => number): Grammar {
  const builder = new GrammarBuilder(new Budget(param));
  return builder.finish(make(builder), NOTHING);
}

/** States are valid UTF-8 combined with how much of a trigger the last bytes are (Aho and Corasick). */
function triggerDfa(
  triggers: readonly string[],
  budget: Budget,
  mode: 'until' | 'without',
): ByteDfa {
  const text = byteDfa(textDfa(repeat(ANY_CHARACTER, 0, null), budget), 'utf8', budget);
  const words = triggers.map(byteString).filter((word) => word !== '');
  const ids = new Map<string, number>();
  const states: { readonly inText: number; readonly seen: string }[] = [];
  const idOf = (inText: number, seen: string): number => {
    const key = `${inText}:${seen}`;
    let id = ids.get(key);
    if (id === undefined) ids.set(key, (id = states.push({ inText, seen }) - 1));
    return id;
  };
  const isDone = (seen: string) => words.some((word) => seen.endsWith(word));
  idOf(0, '');
  const edges: number[][] = [];
  for (const { inText, seen } of states) {
    const out: number[] = [];
    edges.push(out);
    if (isDone(seen)) continue;
    for (let byte = 0; byte < 256; byte++) {
      budget.spend(1);
      const next = targetOf(text, inText, byte);
      if (next < 0) continue;
      const now = longestBeginning(words, seen + String.fromCharCode(byte));
      if (mode === 'without' && isDone(now)) continue;
      pushByte(out, byte, idOf(next, now));
    }
  }
  const accepting = states.flatMap(({ inText, seen }, id) =>
    (mode === 'until' ? isDone(seen) : text.accepting.includes(inText)) ? [id] : [],
  );
  return { edges, accepting };
}

function targetOf({ edges }: ByteDfa, state: number, byte: number): number {
  const triples = edges[state]!;
  for (let i = 0; i < triples.length; i += 3)
    if (byte >= triples[i]! && byte <= triples[i + 1]!) return triples[i + 2]!;
  return -1;
}

/** The longest end of `seen` that some word begins with. */
function longestBeginning(words: readonly string[], seen: string): string {
  for (let from = 0; from < seen.length; from++) {
    const end = seen.slice(from);
    if (words.some((word) => word.startsWith(end))) return end;
  }
  return '';
}

function pushByte(edges: number[], byte: number, target: number): void {
  const last = edges.length - 3;
  if (last >= 0 && edges[last + 2] === target && edges[last + 1] === byte - 1)
    edges[last + 1] = byte;
  else edges.push(byte, byte, target);
}
