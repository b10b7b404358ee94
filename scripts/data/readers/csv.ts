/**
 * CSV (RFC 4180) and its relatives with tabs, semicolons or bars; the first row names the columns. The parser sees each
 * byte as a character, and cells are decoded one by one, so that a cell that is no UTF-8 is one bad row.
 */
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import Papa from 'papaparse';
import { invalidData } from '../problems.ts';
import type { DataRow, Fields } from '../row.ts';
import { decodeUtf8, firstBytes, MAX_ROW_BYTES, readChunks } from './pieces.ts';
import { rowOf } from './reader.ts';
import type { Reader, ReaderContext } from './reader.ts';

const MAX_COLUMNS = 10_000;
const DELIMITERS = [',', '\t', ';', '|'];
const SNIFFED_BYTES = 65_536;
const NOT_ASCII = /[\u0080-\u00ff]/;

export const CSV_READER: Reader = { name: 'csv', endings: ['csv', 'tsv'], read };

async function* read(file: string, context: ReaderContext): AsyncGenerator<DataRow, void, void> {
  let line = 1;
  let names: string[] | null = null;
  for await (const cells of readCells(file, context)) {
    const begin = line;
    line += 1 + cells.reduce((n, cell) => n + (cell.match(/\n/g)?.length ?? 0), 0);
    if (cells.every((cell) => cell.trim() === '')) continue;
    if (names === null) {
      names = columnNames(cells, file);
      continue;
    }
    const fields = fieldsOf(names, cells, file, begin, context);
    if (fields === null) continue;
    const row = rowOf(fields, file, begin, context);
    if (row !== null) yield row;
  }
}

/** Cells of each row, each character of which is a byte. */
async function* readCells(
  file: string,
  context: ReaderContext,
): AsyncGenerator<string[], void, void> {
  let sinceRow = 0;
  const guard = new Transform({
    transform(chunk: Uint8Array, _encoding, done) {
      sinceRow += chunk.length;
      if (sinceRow > 2 * MAX_ROW_BYTES)
        done(
          invalidData(
            `${file}: a row is longer than ${MAX_ROW_BYTES} bytes. Close the quotation mark that it begins with.`,
          ),
        );
      else done(null, chunk);
    },
  });
  // The types of the stream do not know its encoding.
  const config = { encoding: 'latin1', delimiter: await delimiterOf(file) };
  const parser = Papa.parse(Papa.NODE_STREAM_INPUT, config);
  const running = pipeline(Readable.from(readChunks(file, context)), guard, parser);
  // What fails there is thrown by the loop, too.
  running.catch(() => undefined);
  for await (const cells of parser as AsyncIterable<string[]>) {
    sinceRow = 0;
    yield cells;
  }
  await running;
}

/** What stands most often in the first line, outside quotation marks; a comma where nothing does. */
async function delimiterOf(file: string): Promise<string> {
  const begin = await firstBytes(file, SNIFFED_BYTES);
  const [line = ''] = (begin ?? '').split(/[\r\n]/, 1);
  const plain = line.replaceAll(/"[^"]*"/g, '');
  const counts = DELIMITERS.map((delimiter) => plain.split(delimiter).length);
  return DELIMITERS[counts.indexOf(Math.max(...counts))]!;
}

function columnNames(cells: readonly string[], file: string): string[] {
  if (cells.length > MAX_COLUMNS)
    throw invalidData(
      `${file}: has ${cells.length} columns; expected at most ${MAX_COLUMNS}. Split the table.`,
    );
  const names: string[] = [];
  for (const [i, cell] of cells.entries()) {
    const decoded = decodeUtf8(bytesOf(cell));
    if (!('text' in decoded))
      throw invalidData(`${file}: the name of column ${i + 1} is not UTF-8. ${decoded.fix}`);
    const name = decoded.text.trim() === '' ? `column_${i + 1}` : decoded.text.trim();
    names.push(names.includes(name) ? `${name}_${i + 1}` : name);
  }
  return names;
}

function fieldsOf(
  names: readonly string[],
  cells: readonly string[],
  file: string,
  line: number,
  { problems }: ReaderContext,
): Fields | null {
  if (cells.length !== names.length) {
    problems.add({
      ...{ file, line, field: null, value: cells.length },
      problem: `has another number of cells than the header, which has ${names.length}`,
      fix: 'Quote cells that hold the separator or a quotation mark.',
    });
    return null;
  }
  const fields: [string, string][] = [];
  for (const [i, cell] of cells.entries()) {
    const decoded = NOT_ASCII.test(cell) ? decodeUtf8(bytesOf(cell)) : { text: cell };
    if (!('text' in decoded)) {
      const { value, fix } = decoded;
      problems.add({ file, line, field: names[i]!, value, problem: 'is not UTF-8', fix });
      return null;
    }
    fields.push([names[i]!, decoded.text]);
  }
  return Object.fromEntries(fields);
}

/** The bytes that a cell's characters stand for. */
function bytesOf(cell: string): Uint8Array {
  return Uint8Array.from(cell, (char) => char.charCodeAt(0));
}
