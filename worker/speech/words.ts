/**
 * Tokens with times as words: pieces up to the next that begins with a space, or single characters in
 * scripts that are written without spaces; punctuation belongs to the word it stands at
 * (openai/whisper, whisper/timing.py).
 */
import type { TokenTiming } from '../../engine/transcribe/types.ts';
import { Detokenizer } from '../../engine/text/detokenizer.ts';
import type { Tokenizer } from '../../engine/text/tokenizer.ts';
import type { TranscriptWord } from './transcript.ts';

/** Written without spaces: Chinese, Japanese, Thai, Lao, Burmese, Cantonese. */
const WITHOUT_SPACES: readonly string[] = ['zh', 'ja', 'th', 'lo', 'my', 'yue'];
const PUNCTUATION = /^[\p{P}\p{S}]+$/u;
/** Belongs to the word behind it. */
const OPENING = /^[\s]*[\p{Ps}\p{Pi}"'“¿¡#$-]+$/u;

interface Piece extends TranscriptWord {
  readonly nToken: number;
}

export function wordsOf(
  timings: readonly TokenTiming[],
  tokenizer: Tokenizer,
  language: string,
): TranscriptWord[] {
  const pieces = characterPieces(timings, tokenizer);
  const joined = WITHOUT_SPACES.includes(language) ? pieces : joinAtSpaces(pieces);
  return withPunctuation(joined).map(({ word, start, end, probability }) => ({
    word: word.trim(),
    start,
    end,
    probability,
  }));
}

/** Tokens put together as far as they need each other to be whole characters. */
function characterPieces(timings: readonly TokenTiming[], tokenizer: Tokenizer): Piece[] {
  const detokenizer = new Detokenizer(tokenizer, { atTextStart: false, special: false });
  const pieces: Piece[] = [];
  let waiting: TokenTiming[] = [];
  for (const timing of timings) {
    waiting.push(timing);
    const word = detokenizer.push(timing.token);
    if (word === '') continue;
    pieces.push(pieceOf(word, waiting));
    waiting = [];
  }
  const rest = detokenizer.flush();
  return rest === '' || waiting.length === 0 ? pieces : [...pieces, pieceOf(rest, waiting)];
}

function pieceOf(word: string, timings: readonly TokenTiming[]): Piece {
  const probability = timings.reduce((sum, timing) => sum + timing.probability, 0) / timings.length;
  return {
    word,
    start: timings[0]!.start,
    end: timings.at(-1)!.end,
    probability,
    nToken: timings.length,
  };
}

function joinAtSpaces(pieces: readonly Piece[]): Piece[] {
  const words: Piece[] = [];
  for (const piece of pieces) {
    const last = words.at(-1);
    const begins = piece.word.startsWith(' ') || PUNCTUATION.test(piece.word.trim());
    if (last === undefined || begins) words.push(piece);
    else words[words.length - 1] = join(last, piece);
  }
  return words;
}

function withPunctuation(words: readonly Piece[]): Piece[] {
  const out: Piece[] = [];
  let opening: Piece | null = null;
  for (const word of words) {
    const last = out.at(-1);
    if (OPENING.test(word.word) && word.word.startsWith(' ')) {
      opening = opening === null ? word : join(opening, word);
    } else if (last !== undefined && opening === null && PUNCTUATION.test(word.word)) {
      // Its time is the word's: a mark is not spoken.
      out[out.length - 1] = { ...last, word: last.word + word.word };
    } else {
      out.push(opening === null ? word : { ...join(opening, word), start: word.start });
      opening = null;
    }
  }
  return opening === null ? out : [...out, opening];
}

function join(a: Piece, b: Piece): Piece {
  const nToken = a.nToken + b.nToken;
  const probability = (a.probability * a.nToken + b.probability * b.nToken) / nToken;
  return { word: a.word + b.word, start: a.start, end: b.end, probability, nToken };
}
