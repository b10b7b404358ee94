/** The vocabulary of the small model of three modalities: byte pairs of its texts, and tokens that mark turns and segments. */
import { Tokenizer } from '../../../engine/text/tokenizer.ts';
import { END_TOKEN } from '../byte-tokenizer.ts';
import { trainTokenizer } from '../train-tokenizer.ts';

export const MARKERS = {
  ...{ user: '<|user|>', assistant: '<|assistant|>', end: '<|end|>' },
  ...{ beginImage: '<|image|>', endImage: '<|/image|>' },
  ...{ beginAudio: '<|audio|>', endAudio: '<|/audio|>' },
} as const;
type MarkerName = keyof typeof MARKERS;
export type MarkerIds = Readonly<Record<MarkerName, number>>;

export interface Vocabulary {
  readonly json: string;
  readonly tokenizer: Tokenizer;
  readonly nToken: number;
  readonly endOfText: number;
  readonly ids: MarkerIds;
  /** Ids of a text, in which nothing is a marker. */
  encode(text: string): readonly number[];
}

/** @param nToken altogether */
export function trainVocabulary(texts: Iterable<string>, nToken: number): string {
  return trainTokenizer(texts, nToken, Object.values(MARKERS));
}

/** Texts that are kept encoded: questions come again and again. */
const MAX_KEPT = 20_000;

/** @param json of `trainVocabulary` */
export function openVocabulary(json: string): Vocabulary {
  const facts = { addBos: false, bosId: null, eosIds: [0] };
  const tokenizer = Tokenizer.parse(json, facts);
  const idOf = (literal: string): number => tokenizer.encode(literal, { special: true })[0]!;
  const entries = Object.entries(MARKERS).map(([name, literal]) => [name, idOf(literal)] as const);
  const kept = new Map<string, readonly number[]>();
  return {
    ...{ json, tokenizer, nToken: tokenizer.nVocab, endOfText: idOf(END_TOKEN) },
    ids: Object.fromEntries(entries) as MarkerIds,
    encode(text) {
      const known = kept.get(text);
      if (known !== undefined) return known;
      const ids = tokenizer.encode(text, { special: false });
      if (kept.size < MAX_KEPT) kept.set(text, ids);
      return ids;
    },
  };
}
