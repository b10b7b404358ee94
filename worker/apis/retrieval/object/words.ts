/**
 * Words of passages and queries as keyed hashes: their index ranks as one of words would, and says none of them.
 * Words are cut and stemmed as FTS5's "porter unicode61 remove_diacritics 2" does.
 */
import { stemmer } from 'stemmer';
import { hashWord } from '../../../platform/storage/seal.ts';
import type { ContentKey } from '../../../platform/storage/seal.ts';

/** Most words of a query that are searched for. */
const MAX_QUERY_WORDS = 32;
/** Shorter and longer words are not stemmed, as by FTS5. */
const STEMMED_CHARS = { min: 3, max: 63 } as const;
/** Hashes that an object keeps: some 5 MB. */
const MAX_KNOWN = 50_000;

/** Words that nearly every English passage contains: expensive to search for, and useless. */
const COMMON_WORDS = new Set(
  (
    'a an and are as at be but by for from had has have he her him his i in is it its me my not of on or ' +
    'our she so that the their them then there they this to us was we were what when where which who will with you your'
  ).split(' '),
);

/** Words to search for; common words only if there are no others. */
export function queryWords(query: string): string[] {
  const all = [...new Set(query.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [])];
  const telling = all.filter((word) => !COMMON_WORDS.has(word));
  return (telling.length > 0 ? telling : all).slice(0, MAX_QUERY_WORDS);
}

/** Stems of a text's words, in order. */
export function stemsOf(text: string): string[] {
  const plain = text
    .normalize('NFD')
    .replaceAll(/\p{M}+/gu, '')
    .toLowerCase();
  return (plain.match(/[\p{L}\p{N}]+/gu) ?? []).map((word) =>
    word.length < STEMMED_CHARS.min || word.length > STEMMED_CHARS.max ? word : stemmer(word),
  );
}

/** Hashes words of one collection; those seen are kept, since texts repeat them. */
export class WordHasher {
  readonly key: ContentKey;
  readonly #known = new Map<string, string>();

  constructor(key: ContentKey) {
    this.key = key;
  }

  /** Hashes of a text's stems, separated by spaces. */
  async hashText(text: string): Promise<string> {
    const hashes: string[] = [];
    for (const stem of stemsOf(text)) hashes.push(await this.#hash(stem));
    return hashes.join(' ');
  }

  async #hash(stem: string): Promise<string> {
    const known = this.#known.get(stem);
    if (known !== undefined) return known;
    const hash = await hashWord(this.key, stem);
    if (this.#known.size >= MAX_KNOWN) this.#known.clear();
    this.#known.set(stem, hash);
    return hash;
  }
}
