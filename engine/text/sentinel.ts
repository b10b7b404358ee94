/**
 * Breaking special-token literals inside users' text with a character that occurs nowhere else.
 * Unicode keeps 66 code points as noncharacters, never to be assigned (Unicode 23.7).
 */
import { EngineError } from '../base/errors.ts';
import { longestFirstPattern } from './special-splitter.ts';

const NONCHARACTERS: readonly string[] = [
  ...Array.from({ length: 32 }, (_, i) => String.fromCodePoint(0xfdd0 + i)),
  ...Array.from({ length: 16 }, (_, i) => String.fromCodePoint(0x1fffe + i * 0x10000)),
];

/**
 * @param field of the request that the texts come from
 * @throws {EngineError} E_REQUEST_INVALID when the texts use every noncharacter there is.
 */
export function chooseSentinel(texts: readonly string[], field = 'messages'): string {
  const found = NONCHARACTERS.find((char) => !texts.some((text) => text.includes(char)));
  if (found !== undefined) return found;
  throw new EngineError(
    'E_REQUEST_INVALID',
    `${field}: the text uses all of ${NONCHARACTERS.length} Unicode noncharacters. Remove one of them.`,
    { param: field },
  );
}

/**
 * Puts the sentinel after the first character of each literal in `text`, and at an end of `text`
 * that could become a literal together with what a template puts beside it.
 */
export function breakLiterals(text: string, literals: readonly string[], sentinel: string): string {
  return literalBreaker(literals, sentinel)(text);
}

/** `breakLiterals` for many texts: the pattern is made once. */
export function literalBreaker(
  literals: readonly string[],
  sentinel: string,
): (text: string) => string {
  if (literals.length === 0) return (text) => text;
  const starts = new RegExp(`(?=${longestFirstPattern(literals)})(.)`, 'gsu');
  return (text) => {
    if (text === '') return text;
    const inside = text.replace(starts, (char) => char + sentinel);
    const before = literals.some((literal) => beginsWithSuffix(text, literal)) ? sentinel : '';
    const after = literals.some((literal) => endsWithPrefix(text, literal)) ? sentinel : '';
    return before + inside + after;
  };
}

/** Whether `text` begins with the rest of a literal whose start may stand before it. */
function beginsWithSuffix(text: string, literal: string): boolean {
  for (let cut = 1; cut < literal.length; cut++)
    if (text.startsWith(literal.slice(cut))) return true;
  return false;
}

function endsWithPrefix(text: string, literal: string): boolean {
  for (let cut = 1; cut < literal.length; cut++)
    if (text.endsWith(literal.slice(0, cut))) return true;
  return false;
}
