/** Parts of a report, shown as text on a terminal and as HTML in a file. */
import { textTable } from '../../lib/table.ts';
import type { ShownPair } from '../duplicates.ts';
import type { Problems } from '../problems.ts';
import { describeProblem } from '../problems.ts';
import * as html from './page.ts';
import type { Cells } from './page.ts';

export interface Section {
  readonly title: string;
  readonly note?: string;
  readonly head?: Cells;
  readonly rows: readonly Cells[];
  /** Columns with numbers, which a terminal aligns to the right. */
  readonly numbers?: readonly number[];
  readonly bars?: readonly { readonly label: string; readonly count: number }[];
  /** HTML after the table; a terminal does not show it. */
  readonly extra?: string;
}

/** Rows of a section on a terminal; the page has all. */
const MAX_TERMINAL_ROWS = 14;
const MAX_TERMINAL_CELL = 72;

export function sectionsText(sections: readonly Section[]): string {
  return sections
    .map(({ title, note, head = [], rows, numbers = [] }) => {
      const shown = rows.slice(0, MAX_TERMINAL_ROWS);
      const cells = [...(head.length > 0 ? [head] : []), ...shown].map((row) =>
        row.map((cell) => oneLine(cell)),
      );
      const more = rows.length - shown.length;
      return [
        `${title}${note === undefined ? '' : ` (${note})`}`,
        ...textTable(cells, new Set(numbers)).map((line) => `  ${line}`),
        ...(more > 0 ? [`  ... and ${more} more`] : []),
      ].join('\n');
    })
    .join('\n\n');
}

/** Control characters of data must not steer a terminal. */
function oneLine(cell: string): string {
  const plain = cell.replaceAll(/[\p{C}\s]+/gu, ' ');
  if (plain.length <= MAX_TERMINAL_CELL) return plain;
  // The end of a long path says more than its middle.
  const half = MAX_TERMINAL_CELL / 2;
  return `${plain.slice(0, half)}...${plain.slice(-half)}`;
}

export function sectionsPage(title: string, sections: readonly Section[]): string {
  return html.page(
    title,
    sections.flatMap(({ title: name, note, head, rows, bars, extra }) => [
      html.heading(name),
      ...(note === undefined ? [] : [html.paragraph(note)]),
      ...(bars === undefined ? [] : [html.bars(bars)]),
      ...(rows.length === 0 ? [] : [html.table(rows, head)]),
      ...(extra === undefined ? [] : [extra]),
    ]),
  );
}

/** Rows that could not be used; nothing where all could. */
export function problemSections(problems: Problems): Section[] {
  if (problems.count === 0) return [];
  return [
    {
      title: 'Bad rows',
      note: `${problems.count} rows cannot be used and were left out; --strict ends at the first`,
      head: ['rows', 'what is wrong'],
      rows: [...problems.counts].map(([what, n]) => [String(n), what]),
      numbers: [0],
      extra: problems.kept.map((one) => html.quotation(describeProblem(one))).join('\n'),
    },
  ];
}

/** Pairs of texts that are alike, side by side. */
export function pairsHtml(pairs: readonly ShownPair[]): string {
  return pairs
    .map(
      ({ kind, first, second, similarity }) =>
        `<div class="pair">${html.paragraph(`${kind}: ${first.at} and ${second.at}, similarity ${similarity.toFixed(2)}`)}${html.quotation(first.text)}${html.quotation(second.text)}</div>`,
    )
    .join('\n');
}
