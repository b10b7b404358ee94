/**
 * Cuts a text at the literals of added tokens, longest literal first at each place. Tokens marked
 * special only count when the caller asks; the others (words a vocabulary adds) always do.
 */

export interface AddedTokenRow {
  readonly id: number;
  readonly content: string;
  readonly special: boolean;
  /** The token swallows white space before it, or after it. */
  readonly lstrip: boolean;
  readonly rstrip: boolean;
  /** Looked for in normalized text; never so when it is special. */
  readonly normalized: boolean;
}

export class SpecialSplitter {
  readonly #byContent: ReadonlyMap<string, AddedTokenRow>;
  readonly #byId: ReadonlyMap<number, AddedTokenRow>;
  readonly #allPattern: RegExp | null;
  readonly #plainPattern: RegExp | null;
  readonly #normalizedPattern: RegExp | null;

  constructor(rows: readonly AddedTokenRow[]) {
    this.#byContent = new Map(rows.map((row) => [row.content, row]));
    this.#byId = new Map(rows.map((row) => [row.id, row]));
    const early = rows.filter((row) => !row.normalized);
    this.#allPattern = anyOf(early);
    this.#plainPattern = anyOf(early.filter((row) => !row.special));
    this.#normalizedPattern = anyOf(rows.filter((row) => row.normalized));
  }

  get specialLiterals(): readonly string[] {
    return [...this.#byContent.values()].filter((row) => row.special).map((row) => row.content);
  }

  get literals(): readonly string[] {
    return [...this.#byContent.keys()];
  }

  contentOf(id: number): string | undefined {
    return this.#byId.get(id)?.content;
  }

  isSpecial(id: number): boolean {
    return this.#byId.get(id)?.special ?? false;
  }

  /** Pieces in order: an id for an added token, a string for text between. */
  split(text: string, special: boolean): (number | string)[] {
    return this.#splitBy(special ? this.#allPattern : this.#plainPattern, text);
  }

  /** The same of normalized text, for the tokens that are looked for there. */
  splitNormalized(text: string): (number | string)[] {
    return this.#splitBy(this.#normalizedPattern, text);
  }

  #splitBy(pattern: RegExp | null, text: string): (number | string)[] {
    if (pattern === null) return [text];
    const parts: (number | string)[] = [];
    let from = 0;
    let before: AddedTokenRow | undefined;
    for (const match of text.matchAll(pattern)) {
      const row = this.#byContent.get(match[0]);
      if (row === undefined) continue;
      parts.push(strip(text.slice(from, match.index), before?.rstrip, row.lstrip), row.id);
      from = match.index + match[0].length;
      before = row;
    }
    parts.push(strip(text.slice(from), before?.rstrip, false));
    return parts.filter((part) => part !== '');
  }
}

function strip(text: string, start: boolean | undefined, end: boolean): string {
  const cut = start ? text.trimStart() : text;
  return end ? cut.trimEnd() : cut;
}

function anyOf(rows: readonly AddedTokenRow[]): RegExp | null {
  if (rows.length === 0) return null;
  return new RegExp(longestFirstPattern(rows.map((row) => row.content)), 'g');
}

/** The source of a regular expression that matches any of `literals`, the longest at each place. */
export function longestFirstPattern(literals: readonly string[]): string {
  const sorted = [...literals].sort((a, b) => b.length - a.length);
  return sorted.map((literal) => literal.replace(/[\\^$.*+?()[\]{}|/]/g, '\\$&')).join('|');
}
