/** Names in a text, by their capital letters. */
import { unitOf } from './units.ts';

export interface Name {
  readonly start: number;
  readonly end: number;
  /** In small letters, without "'s". */
  readonly words: readonly string[];
}

const WORD = "\\p{Lu}[\\p{L}\\p{M}'’.-]{0,40}";
/** Capital words in a row, with small words of names between them. */
const NAME = new RegExp(
  `(?<![\\p{L}\\p{N}'’])${WORD}(?: (?:(?:of|the|de|del|der|dei|von|van|la|le|di|da|&) ){0,2}${WORD}){0,7}`,
  'gu',
);
/** Capital words that name nothing. */
const NO_NAMES = new Set(
  (
    'i a about absolutely according after all also an and any as at based before both but by certainly correct dear ' +
    'each every false for from great he hello her here hi his how however if in it its many most mr mrs ms miss dr ' +
    'prof professor captain no none not nothing now of off ok okay on one or other our please right she since so some ' +
    'sorry such sure thank thanks that the their then there they these this those to today true two unfortunately ' +
    'unknown us we what when where which while who why yes you your answer question passage passages document ' +
    'documents note'
  ).split(' '),
);
/** Words at the beginning of a sentence that are no part of the name after them. */
const LEADING = new RegExp(`^(?:(?:${[...NO_NAMES].join('|')})\\.? )+`, 'i');

/**
 * A capital letter at the beginning of a sentence says nothing: a lone word there is a name only where the whole
 * sentence has capitals. @param rest the text with blanks where figures were read
 */
export function namesIn(text: string, rest: string): Name[] {
  const names: Name[] = [];
  for (const { 0: found, index } of rest.matchAll(NAME)) {
    const isFirst = /(?:^|[.!?:\n]["'”’)]?\s{1,3}|^\s{0,3}["'“‘(|-]\s?)$/.test(
      text.slice(Math.max(0, index - 6), index),
    );
    const after = text.slice(index + found.length, index + found.length + 3);
    const words = wordsOf(found);
    if (words.length === 0) continue;
    const [lead] = LEADING.exec(found) ?? [''];
    const standsAlone = /^[\s.!?,;:"'”’)\]|]*$/.test(after.slice(0, 2)) && /^[\W_]*$/.test(after);
    const isLone = isFirst && lead === '' && words.length === 1;
    if (isLone && !isAcronym(found) && !standsAlone) continue;
    const end = index + found.replace(/[.'’-]+$/, '').length;
    names.push({ start: index + lead.length, end, words });
  }
  return names;
}

function wordsOf(name: string): string[] {
  return name
    .split(' ')
    .filter((word) => /^\p{Lu}/u.test(word) && unitOf(word) === undefined)
    .map(nameWord)
    .filter((word) => word.length > 1 && !NO_NAMES.has(word));
}

/** A word as names are compared by it. */
export function nameWord(word: string): string {
  return word
    .toLowerCase()
    .replace(/['’]s$/, '')
    .replace(/^[^\p{L}]+|[^\p{L}]+$/gu, '');
}

function isAcronym(word: string): boolean {
  return /^\p{Lu}{2,}$/u.test(word.replace(/\W+$/, ''));
}
