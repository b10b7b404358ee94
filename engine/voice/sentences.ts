/** Normalised paragraphs to pieces that are spoken one after the other. */
import { EngineError } from '../base/errors.ts';
import { normalizeText } from './normalize.ts';

/** A piece that ends a sentence is followed by a longer pause. */
export interface SpokenPiece {
  readonly text: string;
  readonly isSentenceEnd: boolean;
  readonly isParagraphEnd: boolean;
}

/** Longer sentences are cut at a comma, else between words: one piece at a time is in memory. */
const MAX_PIECE_CHARS = 220;
/** The first piece ends at the first pause from here on, for an early sound. */
const MIN_FIRST_CHARS = 20;
/** A cut leaves a rest of at least this length. */
const MIN_PIECE_CHARS = 25;
/** A longer run of letters is not a word. */
const MAX_WORD_CHARS = 30;

const SENTENCE_PAUSE_S = 0.25;
const PARAGRAPH_PAUSE_S = 0.6;

/** Silence after a piece, in seconds at plain speed. */
export function pauseAfter({ isSentenceEnd, isParagraphEnd }: SpokenPiece): number {
  if (isParagraphEnd) return PARAGRAPH_PAUSE_S;
  return isSentenceEnd ? SENTENCE_PAUSE_S : 0;
}

/** @throws {EngineError} E_REQUEST_INVALID when nothing can be said. */
export function requirePieces(text: string): SpokenPiece[] {
  const pieces = spokenPieces(text);
  if (pieces.length > 0) return pieces;
  throw new EngineError(
    'E_REQUEST_INVALID',
    'input: contains nothing that can be spoken; expected words in Latin letters, or numbers.',
    { param: 'input' },
  );
}

/** What will be spoken of `text`, in order; empty when there is nothing to say. */
export function spokenPieces(text: string): SpokenPiece[] {
  const pieces: SpokenPiece[] = [];
  for (const paragraph of normalizeText(text)) {
    const sentences = splitSentences(breakLongWords(paragraph));
    sentences.forEach((sentence, i) => {
      const parts = cutSentence(sentence, pieces.length === 0);
      parts.forEach((part, j) => {
        const isSentenceEnd = j === parts.length - 1;
        const isParagraphEnd = isSentenceEnd && i === sentences.length - 1;
        pieces.push({ text: part, isSentenceEnd, isParagraphEnd });
      });
    });
  }
  return pieces;
}

function splitSentences(paragraph: string): string[] {
  return paragraph.split(/(?<=[.!?])\s+/).filter((sentence) => /\p{L}/u.test(sentence));
}

function breakLongWords(text: string): string {
  return text.replaceAll(/\p{L}{31,}/gu, (word) => {
    const parts: string[] = [];
    for (let at = 0; at < word.length; at += MAX_WORD_CHARS)
      parts.push(word.slice(at, at + MAX_WORD_CHARS));
    return parts.join(' ');
  });
}

function cutSentence(sentence: string, isFirst: boolean): string[] {
  const parts: string[] = [];
  let rest = sentence;
  const cutAt = (at: number) => {
    parts.push(rest.slice(0, at).trim());
    rest = rest.slice(at).trim();
  };
  if (isFirst && rest.length > MAX_PIECE_CHARS / 2) {
    const pause = rest.slice(MIN_FIRST_CHARS).search(/(?<=[,;:])\s/);
    if (pause >= 0) cutAt(MIN_FIRST_CHARS + pause);
  }
  while (rest.length > MAX_PIECE_CHARS) cutAt(cutPlace(rest, MAX_PIECE_CHARS));
  return [...parts, rest].filter((part) => /\p{L}/u.test(part));
}

/** Where to cut: after the last pause that fits, else the last space, else at `max`. */
function cutPlace(text: string, max: number): number {
  const head = text.slice(0, max);
  for (const marks of [/[;:](?=\s)/g, /,(?=\s)/g, /\s/g]) {
    const places = [...head.matchAll(marks)].map(({ index }) => index + 1);
    const place = places.findLast(
      (at) => at >= MIN_PIECE_CHARS && text.length - at >= MIN_PIECE_CHARS,
    );
    if (place !== undefined) return place;
  }
  return max;
}
