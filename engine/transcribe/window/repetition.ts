/** How much a text repeats itself, and whether it is in a loop, by its tokens alone. */

/**
 * Tokens per phrase, where a phrase is the longest piece that occurred before and one token more
 * (Lempel and Ziv 1977): 1 for text that never repeats, large for loops. The reference measures the same
 * with zlib on characters; both call more than 2.4 a loop.
 */
export function repetitionOf(tokens: readonly number[]): number {
  if (tokens.length === 0) return 1;
  let nPhrase = 0;
  for (let at = 0; at < tokens.length; nPhrase++) at += longestBefore(tokens, at) + 1;
  return tokens.length / nPhrase;
}

/** Length of the longest piece from `at` on that also begins earlier (and may reach over `at`). */
function longestBefore(tokens: readonly number[], at: number): number {
  let longest = 0;
  for (let from = 0; from < at; from++) {
    let n = 0;
    while (at + n < tokens.length && tokens[from + n] === tokens[at + n]) n++;
    if (n > longest) longest = n;
  }
  return longest;
}

/** A piece that comes this often in a row is a loop. */
const LOOP_TIMES = 5;
/** The shortest text that is taken for a loop: people do say no, no, no, no, no. */
const LOOP_TOKENS = 20;
const MAX_PERIOD = 30;

/** Tokens of the piece that the text ends with LOOP_TIMES in a row, or 0. */
export function loopPeriod(tokens: readonly number[]): number {
  const n = tokens.length;
  for (let period = 1; period <= Math.min(MAX_PERIOD, n / LOOP_TIMES); period++) {
    const length = Math.max(period * LOOP_TIMES, LOOP_TOKENS);
    if (length > n) continue;
    let i = n - 1;
    while (i >= n - length + period && tokens[i] === tokens[i - period]) i--;
    if (i < n - length + period) return period;
  }
  return 0;
}
