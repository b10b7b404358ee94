/** A piece of a text, in UTF-16 units. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** Finds pieces of one kind, in time that grows with the text's length alone. */
export type Finder = (text: string) => Iterable<Span>;

export const isDigit = (code: number): boolean => code >= 48 && code <= 57;
export const isLetter = (code: number): boolean =>
  (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code > 127;

/** Whether a word could go on at `at`: then what ends or begins there is a part of something else. */
export function isWordAt(text: string, at: number): boolean {
  const code = text.charCodeAt(at);
  return isDigit(code) || isLetter(code) || code === 95;
}

/** Pieces that a pattern of bounded length matches, each standing by itself. */
export function* matches(text: string, pattern: RegExp): Generator<Span, void, void> {
  for (const { index, 0: found } of text.matchAll(pattern)) {
    const end = index + found.length;
    if (!isWordAt(text, index - 1) && !isWordAt(text, end)) yield { start: index, end };
  }
}
