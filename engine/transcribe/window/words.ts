/**
 * Tokens with their times as words (openai/whisper, timing.py and tokenizer.py). The caller has the
 * tokenizer: here text is only cut and joined.
 */
import type { TokenTiming } from '../types.ts';

export interface SpokenWord {
  /** With the space before it, as the text has it. */
  text: string;
  start: number;
  end: number;
  /** Mean probability of its tokens. */
  probability: number;
}

/** Languages written without spaces: every character, or the characters of one token, is a word. */
const SPACELESS = new Set(['zh', 'ja', 'th', 'lo', 'my', 'yue']);
/** Punctuation joined to the word after it, and to the word before it. */
const OPENING = '"\'“¿([{-';
const CLOSING = '"\'.。,，!！?？:：”)]}、';
const SENTENCE_ENDS = '.。!！?？';
const PUNCTUATION = /^[\p{P}\p{S}]+$/u;
/** An incomplete character decodes to this. */
const BROKEN = '\ufffd';
/** A word that takes longer than twice the median, or twice this, holds a pause. */
const LONGEST_MEDIAN_SECONDS = 0.7;

/** @param decode the text of token ids, broken characters as U+FFFD */
export function groupWords(
  timings: readonly TokenTiming[],
  decode: (tokens: readonly number[]) => string,
  language: string,
): SpokenWord[] {
  const pieces = wholeCharacters(timings, decode);
  const words = SPACELESS.has(language) ? pieces : joinPieces(pieces);
  shortenPauses(words);
  return joinPunctuation(words);
}

interface Piece extends SpokenWord {
  nToken: number;
}

/** Tokens joined until they are whole characters. */
function wholeCharacters(
  timings: readonly TokenTiming[],
  decode: (tokens: readonly number[]) => string,
): Piece[] {
  const pieces: Piece[] = [];
  let open: TokenTiming[] = [];
  const close = (text: string): void => {
    const sum = open.reduce((total, { probability }) => total + probability, 0);
    pieces.push({
      text,
      start: open[0]!.start,
      end: open.at(-1).end,
      probability: sum / open.length,
      nToken: open.length,
    });
    open = [];
  };
  for (const timing of timings) {
    open.push(timing);
    const text = decode(open.map(({ token }) => token));
    if (!text.includes(BROKEN)) close(text);
  }
  if (open.length > 0) close(decode(open.map(({ token }) => token)));
  return pieces;
}

/** A word begins with a space; punctuation stands alone for now. */
function joinPieces(pieces: readonly Piece[]): Piece[] {
  const words: Piece[] = [];
  for (const piece of pieces) {
    const last = words.at(-1);
    const begins = piece.text.startsWith(' ') || PUNCTUATION.test(piece.text.trim());
    if (last === undefined || begins) words.push({ ...piece });
    else words.splice(-1, 1, joined(last, piece));
  }
  return words;
}

function joined(a: Piece, b: Piece): Piece {
  const nToken = a.nToken + b.nToken;
  return {
    text: a.text + b.text,
    start: a.start,
    end: b.end,
    probability: (a.probability * a.nToken + b.probability * b.nToken) / nToken,
    nToken,
  };
}

/** Attention lingers where nobody speaks: pauses at the ends of sentences are not part of words. */
function shortenPauses(words: readonly Piece[]): void {
  const durations = words.map(({ start, end }) => end - start).filter((seconds) => seconds > 0);
  if (durations.length === 0) return;
  const median = durations.sort((a, b) => a - b)[durations.length >> 1]!;
  const most = 2 * Math.min(median, LONGEST_MEDIAN_SECONDS);
  for (const [i, word] of words.entries()) {
    if (word.end - word.start <= most) continue;
    const isEnd = (text: string | undefined): boolean =>
      text !== undefined && text !== '' && SENTENCE_ENDS.includes(text.trim());
    if (i > 0 && isEnd(word.text)) word.end = word.start + most;
    else if (i === 0 || isEnd(words[i - 1]?.text)) word.start = word.end - most;
  }
}

function joinPunctuation(words: readonly Piece[]): SpokenWord[] {
  const out: Piece[] = [];
  let opening: Piece | null = null;
  for (const word of words) {
    const bare = word.text.trim();
    const before = out.at(-1);
    if (word.text.startsWith(' ') && bare !== '' && OPENING.includes(bare)) {
      opening = opening === null ? word : joined(opening, word);
    } else if (opening === null && before !== undefined && closes(word.text, before.text)) {
      // The mark takes no time: the word keeps its own end.
      out.splice(-1, 1, { ...before, text: before.text + word.text });
    } else {
      const whole: Piece = opening === null ? word : { ...word, text: opening.text + word.text };
      out.push(whole);
      opening = null;
    }
  }
  if (opening !== null) out.push(opening);
  return out.map(({ text, start, end, probability }) => ({ text, start, end, probability }));
}

function closes(text: string, before: string): boolean {
  return text !== '' && CLOSING.includes(text) && !before.endsWith(' ');
}
