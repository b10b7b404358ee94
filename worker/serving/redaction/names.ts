/** Names of people: a first name of a small list with what follows in capitals, or anything after "Dr" and the like. */
import { AMBIGUOUS_NAMES, FIRST_NAMES } from './first-names.ts';
import type { Span } from './span.ts';

const WORD = /[\p{L}\p{M}]+(?:['\u2019-][\p{L}\p{M}]+)*/gu;
const HONORIFICS = new Set(
  'Mr Mrs Ms Miss Mx Dr Prof Professor Herr Frau Sir Madam Senor Se\u00f1or Se\u00f1ora Monsieur Madame Mme'.split(
    ' ',
  ),
);
const PARTICLES = new Set('van von der den de da dos del la le di bin al el ter ten'.split(' '));
/** Longer ones are no names. */
const MAX_WORD = 40;
/** Most words of a name after the first. */
const MAX_MORE = 4;
/** Capitals that begin a sentence or say something else, and end a name. */
const NO_SURNAMES = new Set(
  (
    'I A An The This That And But Or If So He She It We They You My Your His Her Our Their Is Are Was Were Has Have Had ' +
    'Please Thanks Thank Hello Hi Dear Monday Tuesday Wednesday Thursday Friday Saturday Sunday January February March ' +
    'May July September October November December Inc Ltd GmbH LLC Street Road Avenue University Hospital'
  ).split(' '),
);

interface Word extends Span {
  readonly text: string;
}

export function* findNames(text: string): Generator<Span, void, void> {
  const words = wordsOf(text);
  let window: Word[] = [];
  for (;;) {
    while (window.length <= MAX_MORE + 1) {
      const { value, done } = words.next();
      if (done === true) break;
      window.push(value);
    }
    if (window.length === 0) return;
    const found = nameAt(text, window);
    if (found !== null) yield { start: found.start, end: found.end };
    window = window.slice(found?.nWord ?? 1);
  }
}

function* wordsOf(text: string): Generator<Word, void, void> {
  for (const { index, 0: word } of text.matchAll(WORD))
    yield { text: word, start: index, end: index + word.length };
}

/** The name that begins with the first word. */
function nameAt(text: string, words: readonly Word[]): (Span & { nWord: number }) | null {
  const [first] = words;
  if (first === undefined) return null;
  const isTitle = HONORIFICS.has(first.text);
  const plain = first.text.replace(/['\u2019]s$/, '');
  if (!isTitle && !FIRST_NAMES.has(plain)) return null;
  const end =
    isTitle || plain === first.text
      ? surnamesEnd(text, words)
      : { nWord: 1, end: first.start + plain.length };
  if (isTitle) {
    const begin = words[1];
    return end.nWord > 1 && begin !== undefined ? { ...end, start: begin.start } : null;
  }
  if (end.nWord === 1 && AMBIGUOUS_NAMES.has(plain)) return null;
  return { ...end, start: first.start };
}

function surnamesEnd(text: string, words: readonly Word[]): { nWord: number; end: number } {
  let last = { nWord: 1, end: words[0]!.end };
  for (let i = 1; i < words.length && i <= MAX_MORE; i++) {
    const { text: word, start, end } = words[i]!;
    const between = text.slice(words[i - 1]!.end, start);
    const isNext =
      between === ' ' || (between === '. ' && words[i - 1]!.end - words[i - 1]!.start <= 4);
    if (!isNext || word.length > MAX_WORD) break;
    if (PARTICLES.has(word)) continue;
    if (!/^\p{Lu}/u.test(word) || NO_SURNAMES.has(word)) break;
    const bare = word.replace(/['\u2019]s$/, '');
    last = { nWord: i + 1, end: end - (word.length - bare.length) };
    if (bare !== word) break;
  }
  return last;
}
