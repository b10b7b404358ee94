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
  const rests = byUnit(literals, (literal, cut) => [literal.charAt(cut), literal.slice(cut)]);
  const heads = byUnit(literals, (literal, cut) => [
    literal.charAt(cut - 1),
    literal.slice(0, cut),
  ]);
  return (text) => {
    if (text === '') return text;
    const inside = text.replace(starts, (char) => char + sentinel);
    // The text may begin with the rest of a literal whose start stands before it, or end with a start.
    const isRest = rests.get(text.charAt(0))?.some((rest) => text.startsWith(rest)) ?? false;
    const isHead = heads.get(text.charAt(text.length - 1))?.some((head) => text.endsWith(head));
    return (isRest ? sentinel : '') + inside + (isHead === true ? sentinel : '');
  };
}

/** Parts of literals at every cut, by the one UTF-16 unit that decides most comparisons. */
function byUnit(
  literals: readonly string[],
  part: (literal: string, cut: number) => readonly [unit: string, part: string],
): ReadonlyMap<string, readonly string[]> {
  const parts = new Map<string, Set<string>>();
  for (const literal of literals)
    for (let cut = 1; cut < literal.length; cut++) {
      const [unit, text] = part(literal, cut);
      parts.set(unit, (parts.get(unit) ?? new Set()).add(text));
    }
  return new Map([...parts].map(([unit, texts]) => [unit, [...texts]]));
}
