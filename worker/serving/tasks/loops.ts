/** Texts that go round in circles: small models repeat a phrase until their tokens run out. */

/** A phrase that is repeated this often, over at least so many characters, is a loop and no emphasis. */
export const LOOP_REPEATS = 4;
export const LOOP_CHARS = 120;
/** Longest phrase that is looked for. */
export const MAX_PHRASE_CHARS = 200;
/** The end of a text that a loop of such phrases is found in. */
export const LOOP_WINDOW_CHARS = LOOP_REPEATS * MAX_PHRASE_CHARS;

export interface Loop {
  /** Where the first repetition begins: the text before it says everything once. */
  readonly at: number;
  readonly phrase: string;
}

/** The loop that `text` ends in; null when it ends in none. Rows of dashes and the like are none. */
export function findLoop(text: string): Loop | null {
  for (let period = 1; period <= MAX_PHRASE_CHARS; period++) {
    const least = Math.max(LOOP_CHARS, LOOP_REPEATS * period);
    if (text.length < least) return null;
    if (!hasPeriod(text, period, least)) continue;
    const phrase = text.slice(-period);
    if (!/[\p{L}\p{N}]/u.test(phrase)) continue;
    let start = text.length - least;
    while (start > 0 && text[start - 1] === text[start - 1 + period]) start--;
    return { at: wordStart(text, start + period), phrase };
  }
  return null;
}

/** `at`, or the beginning of the word that it lies within. */
function wordStart(text: string, at: number): number {
  const isLetter = (index: number) => /[\p{L}\p{N}]/u.test(text[index] ?? '');
  if (!isLetter(at)) return at;
  let start = at;
  while (isLetter(start - 1)) start--;
  return start === 0 ? at : start;
}

/** Whether each of the last `count` characters is the one `period` characters before, as far as both are of these. */
function hasPeriod(text: string, period: number, count: number): boolean {
  for (let at = text.length - 1; at >= text.length - count + period; at--)
    if (text[at] !== text[at - period]) return false;
  return true;
}
