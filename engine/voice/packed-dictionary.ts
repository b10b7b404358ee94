/**
 * A pronunciation dictionary as one text of one byte per character, with a binary search: 57,000 words take
 * 1.1 MB, where an object of them takes over 20. Knows no language.
 */

/** Symbols get codes from here on; words are lower-case letters and end with a tab. */
const FIRST_CODE = 0x41;
const MAX_SYMBOLS = 60;

export interface Packed {
  /** Symbols of pronunciations, by code. */
  readonly symbols: string;
  /** Lines `word<tab>codes`, sorted by code unit. */
  readonly lines: string;
}

/** @throws {RangeError} for more symbols than there are codes, or words with a tab or line end. */
export function packDictionary(entries: Readonly<Record<string, string>>): Packed {
  const symbols = [...new Set(Object.values(entries).join(''))].sort();
  if (symbols.length > MAX_SYMBOLS || symbols.some((symbol) => symbol.length > 1))
    throw new RangeError(`${symbols.length} symbols in a dictionary`);
  const codes = new Map(symbols.map((symbol, i) => [symbol, String.fromCharCode(FIRST_CODE + i)]));
  const lines = Object.keys(entries)
    .sort()
    .map((word) => {
      if (/[\t\n]/.test(word)) throw new RangeError(`a word with a tab: ${word}`);
      return `${word}\t${[...entries[word]!].map((symbol) => codes.get(symbol)).join('')}\n`;
    });
  return { symbols: symbols.join(''), lines: lines.join('') };
}

export function lookUp({ symbols, lines }: Packed, word: string): string | undefined {
  let low = 0;
  let high = lines.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    // The line that `middle` lies in.
    const start = lines.lastIndexOf('\n', middle - 1) + 1;
    const tab = lines.indexOf('\t', start);
    const end = lines.indexOf('\n', tab);
    const found = lines.slice(start, tab);
    if (found === word)
      return Array.from(
        lines.slice(tab + 1, end),
        (code) => symbols[code.charCodeAt(0) - FIRST_CODE] ?? '',
      ).join('');
    if (found < word) low = end + 1;
    else high = start;
  }
  return undefined;
}

/** Looks like an object of words, for code that expects one: only reads of single words work. */
export function dictionaryObject(packed: Packed): Readonly<Record<string, string | undefined>> {
  return new Proxy(Object.create(null) as Record<string, string | undefined>, {
    get: (_target, word) => (typeof word === 'string' ? lookUp(packed, word) : undefined),
    has: (_target, word) => typeof word === 'string' && lookUp(packed, word) !== undefined,
  });
}
