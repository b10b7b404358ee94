/** Passages in pieces, the grammar of an answer that quotes them, and quotations found again. */
import { EngineError } from '../../../engine/base/errors.ts';
import {
  choiceGrammar,
  compileRegex,
  type Grammar,
  literalGrammar,
  repeatGrammar,
  sequenceGrammar,
  wordSpanGrammar,
} from '../../../engine/grammar/index.ts';
import { chunkText, type CountTokens, sentencesOf, textOf } from './chunk-text.ts';
import { ANSWER_HEAD, NOT_FOUND, QUOTE_HEAD, QUOTE_TAIL } from './prompts/answer.ts';

/** Of the passages that are asked together: what may be quoted is compiled into a grammar. */
export const MAX_GROUP_CHARS = 16_000;
/** Longer sentences are quoted in parts. */
export const MAX_SENTENCE_CHARS = 400;
const PARAM = 'passages';

export interface Piece {
  readonly text: string;
  readonly nToken: number;
}

export interface Quote {
  readonly text: string;
  readonly passage: number;
  /** In UTF-16 units of the passage. */
  readonly start: number;
  readonly end: number;
}

/** Each passage in as few pieces of at most `maxTokens` as it takes. */
export function piecesOf(
  passages: readonly string[],
  maxTokens: number,
  count: CountTokens,
): Piece[] {
  return passages.flatMap((passage) =>
    chunkText(passage, maxTokens, count)
      .flatMap((span) =>
        chunkText(textOf(passage, span), MAX_GROUP_CHARS, charsOf).map((part) =>
          textOf(textOf(passage, span), part),
        ),
      )
      .map((text) => ({ text, nToken: count(text) })),
  );
}

const charsOf: CountTokens = ({ length }) => length;
/** Of the empty line between two pieces. */
const BETWEEN_TOKENS = 2;

/** Neighbours together as long as they fit. */
export function groupPieces(pieces: readonly Piece[], maxTokens: number): Piece[][] {
  const groups: { pieces: Piece[]; nToken: number; nChar: number }[] = [];
  for (const piece of pieces) {
    const nToken = piece.nToken + BETWEEN_TOKENS;
    const nChar = piece.text.length;
    const last = groups.at(-1);
    const fits =
      last !== undefined &&
      last.nToken + nToken <= maxTokens &&
      last.nChar + nChar <= MAX_GROUP_CHARS;
    if (fits) {
      last.pieces.push(piece);
      last.nToken += nToken;
      last.nChar += nChar;
    } else groups.push({ pieces: [piece], nToken, nChar });
  }
  return groups.map(({ pieces: together }) => together);
}

/** "Not found", or one to `maxQuotes` quotations and an answer of one line. */
export function quoteGrammar(texts: readonly string[], maxQuotes: number): Grammar {
  const sentences = texts.flatMap((text) =>
    sentencesOf(text).flatMap((span) => {
      const sentence = textOf(text, span);
      return chunkText(sentence, MAX_SENTENCE_CHARS, charsOf).map((part) => textOf(sentence, part));
    }),
  );
  const quote = sequenceGrammar(
    [literal(QUOTE_HEAD), wordSpanGrammar(sentences, PARAM), literal(QUOTE_TAIL)],
    PARAM,
  );
  const found = sequenceGrammar(
    [
      repeatGrammar(quote, 1, maxQuotes, PARAM),
      literal(ANSWER_HEAD),
      compileRegex('[^\\s][^\\n]*', PARAM),
    ],
    PARAM,
  );
  return choiceGrammar([literal(NOT_FOUND), found], PARAM);
}

function literal(text: string): Grammar {
  return literalGrammar(text, PARAM);
}

/** What a text of that grammar says; `answer` is null where nothing was found. */
export function readQuotes(text: string): { answer: string | null; quotes: string[] } {
  const quotes: string[] = [];
  let rest = text;
  while (rest.startsWith(QUOTE_HEAD)) {
    // No sentence has a line break in it, so the first one ends the quotation.
    const end = rest.indexOf(QUOTE_TAIL);
    if (end < 0) break;
    quotes.push(rest.slice(QUOTE_HEAD.length, end));
    rest = rest.slice(end + QUOTE_TAIL.length);
  }
  if (!rest.startsWith(ANSWER_HEAD)) return { answer: null, quotes: [] };
  return { answer: rest.slice(ANSWER_HEAD.length).trim(), quotes: [...new Set(quotes)] };
}

/** Where a quotation stands first. @throws {EngineError} E_INTERNAL when it does not */
export function locateQuote(passages: readonly string[], text: string): Quote {
  for (const [passage, whole] of passages.entries()) {
    const start = whole.indexOf(text);
    if (start >= 0) return { text, passage, start, end: start + text.length };
  }
  throw new EngineError('E_INTERNAL', `answer: a quotation stands in no passage: ${text}`);
}
