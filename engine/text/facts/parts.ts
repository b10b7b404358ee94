/** Parts of a sentence that are each about one thing: clauses, or the cells of a row with their columns' names. */
import type { Span } from '../chunk-text.ts';
import { isFigure } from './facts.ts';
import type { Fact } from './facts.ts';
import { stemsIn } from './spans.ts';
import type { EvidenceSpan } from './spans.ts';

export interface Part extends Span {
  readonly stems: ReadonlySet<string>;
}

const CLAUSE_END = /[;()]|[.!?]\s|[:,](?!\d)|\s(?:and|or|but|while|whereas|after|than)\s/g;

/** In their order, without gaps; positions in the span's text. */
export function partsOf({ text, header, facts }: EvidenceSpan): Part[] {
  if (header !== '') {
    const names = cellsOf(header);
    return cellsOf(text).map(({ start, end, text: cell }, i) => ({
      ...{ start, end },
      stems: stemsIn(`${names[i]?.text ?? ''} ${cell}`),
    }));
  }
  let subject: readonly string[] = [];
  // "on Sundays and public holidays with 60 %": a clause without a figure belongs to the next.
  return withFigures(clausesOf(text), facts).map(({ start, end }, i) => {
    const own = stemsIn(text.slice(start, end));
    // "A massage of 25 minutes costs 39 euros, one of 50 minutes 72 euros": the first clause says what of.
    if (i === 0) subject = [...own].filter((stem) => !/\d/.test(stem));
    return { start, end, stems: new Set([...own, ...subject]) };
  });
}

function withFigures(clauses: readonly Span[], facts: readonly Fact[]): Span[] {
  const parts: Span[] = [];
  let from = 0;
  for (const { start, end } of clauses) {
    if (!facts.some((fact) => isFigure(fact) && fact.start >= start && fact.start < end)) continue;
    parts.push({ start: from, end });
    from = end;
  }
  const rest = { start: parts.at(-1)?.start ?? 0, end: clauses.at(-1)!.end };
  return [...parts.slice(0, -1), rest];
}

/** Without gaps, at punctuation and conjunctions. */
export function clausesOf(text: string): Span[] {
  const ends = Array.from(text.matchAll(CLAUSE_END), ({ index, 0: mark }) => index + mark.length);
  return [...ends, text.length].map((end, i) => ({ start: i === 0 ? 0 : ends[i - 1]!, end }));
}

interface Cell extends Span {
  readonly text: string;
}

function cellsOf(row: string): Cell[] {
  const cells: Cell[] = [];
  let at = row.startsWith('|') ? 1 : 0;
  for (const text of row.slice(at).split('|')) {
    cells.push({ start: at, end: at + text.length, text: text.trim() });
    at += text.length + 1;
  }
  return cells;
}

/** A row as a sentence would say it, with the names of its columns; a sentence as it is. */
export function readable({ text, header }: Pick<EvidenceSpan, 'text' | 'header'>): string {
  if (header === '') return text.replaceAll(/\s+/g, ' ');
  const names = cellsOf(header);
  return cellsOf(text)
    .map(({ text: cell }, i) => {
      const name = names[i]?.text ?? '';
      return name === '' || cell === '' ? cell : `${name}: ${cell}`;
    })
    .filter((cell) => cell !== '')
    .join('; ');
}
