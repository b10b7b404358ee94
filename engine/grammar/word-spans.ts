/**
 * Any run of whole words of some texts: what a quotation may be. The automaton is a suffix automaton
 * whose words begin at word beginnings and may end at word ends; it has about as many states as the
 * texts have bytes.
 */
import { Budget, refuse } from './budget.ts';
import { GrammarBuilder } from './builder.ts';
import { byteString } from './byte-dfa.ts';
import type { ByteDfa, Grammar } from './grammar.ts';

/** Words are what white space separates; a run keeps the white space between its words. */
const WORD = /\S+/g;

/** @throws {EngineError} E_REQUEST_INVALID when there is no word, or past the budget */
export function wordSpanGrammar(texts: readonly string[], param: string): Grammar {
  const budget = new Budget(param);
  const builder = new GrammarBuilder(budget);
  const { starts, ends, bytes } = wordBorders(texts);
  if (starts.length === 0) throw refuse(param, 'there is no word to quote', 'Send some text.');
  return builder.finish(builder.byteDfa(spanDfa(bytes, starts, ends, budget)), 'no text can match');
}

interface Borders {
  /** Of all texts, with a byte between them that none has. */
  readonly bytes: string;
  readonly starts: readonly number[];
  readonly ends: ReadonlySet<number>;
}

/** No character of UTF-8 has it. */
const BORDER = '\u00ff';

function wordBorders(texts: readonly string[]): Borders {
  let bytes = '';
  const starts: number[] = [];
  const ends = new Set<number>();
  for (const text of texts) {
    let from = 0;
    for (const { index, 0: word } of text.matchAll(WORD)) {
      bytes += byteString(text.slice(from, index));
      starts.push(bytes.length);
      bytes += byteString(word);
      ends.add(bytes.length);
      from = index + word.length;
    }
    bytes += BORDER;
  }
  return { bytes, starts, ends };
}

/** A state is the set of places that may have been reached. */
function spanDfa(
  bytes: string,
  starts: readonly number[],
  ends: ReadonlySet<number>,
  budget: Budget,
): ByteDfa {
  const ids = new Map<string, number>();
  const states: (readonly number[])[] = [];
  const idOf = (places: readonly number[]): number => {
    const key = places.join();
    let id = ids.get(key);
    if (id === undefined) ids.set(key, (id = states.push(places) - 1));
    return id;
  };
  idOf(starts);
  const edges: number[][] = [];
  const accepting: number[] = [];
  for (const [id, places] of states.entries()) {
    budget.spend(places.length);
    const following = new Map<number, number[]>();
    for (const place of places) {
      const byte = bytes.charCodeAt(place);
      if (byte === BORDER.charCodeAt(0)) continue;
      const next = following.get(byte);
      if (next === undefined) following.set(byte, [place + 1]);
      else next.push(place + 1);
    }
    const sorted = [...following].sort(([a], [b]) => a - b);
    edges.push(sorted.flatMap(([byte, next]) => [byte, byte, idOf(next)]));
    // Every place was reached by the same bytes: one may be a word's end while another is not.
    if (id > 0 && places.some((place) => ends.has(place))) accepting.push(id);
  }
  return { edges, accepting };
}
