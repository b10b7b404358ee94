/** CSV (RFC 4180) and its relatives with tabs or semicolons: each row as a line that names its columns. */
import Papa from 'papaparse';
import { MAX_DOCUMENT_CHARS, SectionList } from './limits.ts';
import type { Refuse } from './limits.ts';
import type { Section } from './sections.ts';

export const MAX_COLUMNS = 1000;

/** The first row names the columns; a table of one row is read without names. @throws {EngineError} E_REQUEST_INVALID */
export function readCsv(csv: string, refuse: Refuse): readonly Section[] {
  let header: readonly string[] | null = null;
  let headerRow = 0;
  let nRow = 0;
  let nChar = 0;
  const lines: string[] = [];
  let first = 0;
  let failure: Error | null = null;
  Papa.parse<string[]>(csv, {
    step({ data }, parser) {
      nRow++;
      const cells = data.map((cell) => cell.replaceAll(/\s+/g, ' ').trim());
      const isEmpty = cells.every((cell) => cell === '');
      if (cells.length > MAX_COLUMNS)
        failure = refuse(
          `row ${nRow} has ${cells.length} columns; expected at most ${MAX_COLUMNS}. Split the table`,
        );
      else if (header === null) {
        if (!isEmpty) [header, headerRow] = [cells, nRow];
      } else if (!isEmpty || first > 0) {
        if (first === 0) first = nRow;
        const line = lineOf(header, cells);
        // An empty line for an empty row: lines count rows.
        lines.push(line);
        nChar += line.length + 1;
        if (nChar > MAX_DOCUMENT_CHARS)
          failure = refuse(
            `has more than ${MAX_DOCUMENT_CHARS} characters with the names of its columns. Split the table`,
          );
      }
      if (failure !== null) parser.abort();
    },
  });
  if (failure !== null) throw failure as Error;
  const list = new SectionList(refuse);
  if (first > 0)
    list.add({
      heading: '',
      text: lines.join('\n'),
      location: { unit: 'row', first, last: nRow },
    });
  else if (header !== null)
    list.add({
      heading: '',
      text: lineOf([], header),
      location: { unit: 'row', first: headerRow, last: headerRow },
    });
  return list.sections;
}

function lineOf(header: readonly string[], cells: readonly string[]): string {
  return cells
    .map((cell, column) => {
      const name = header[column] ?? '';
      return cell === '' || name === '' ? cell : `${name}: ${cell}`;
    })
    .filter((text) => text !== '')
    .join('; ');
}
