/** The table of formats, and rows of files and folders one after the other. */
import { stat } from 'node:fs/promises';
import { extname } from 'node:path';
import { EngineError } from '../../../engine/base/errors.ts';
import { describeProblem, invalidData } from '../problems.ts';
import type { Problems } from '../problems.ts';
import type { DataRow } from '../row.ts';
import { CSV_READER } from './csv.ts';
import { FOLDER_READER, withMediaBeside } from './folder.ts';
import { JSONL_READER } from './jsonl.ts';
import { PARQUET_READER } from './parquet.ts';
import { asReadError, throwIfCut } from './pieces.ts';
import type { Reader, ReaderContext } from './reader.ts';
import { TEXT_READER } from './text.ts';

const READERS: readonly Reader[] = [TEXT_READER, JSONL_READER, CSV_READER, PARQUET_READER];
export const FORMAT_NAMES = READERS.map(({ name }) => name);
export const DEFAULT_SEPARATOR = '<|endoftext|>';
/** Rows between turns of the event loop, in which a signal is heard. */
const TURN_ROWS = 256;

export interface InputOptions {
  readonly files: readonly string[];
  /** A name of FORMAT_NAMES; null to go by the ending of each name. */
  readonly format: string | null;
  readonly separator: string;
  readonly field: string | null;
  readonly signal: AbortSignal;
}

/** Bytes of what is read, for progress. @throws {EngineError} E_USAGE for what is missing */
export async function inputBytes(files: readonly string[]): Promise<number | null> {
  let total = 0;
  for (const file of files) {
    const info = await stat(file).catch((error: unknown) => {
      throw asReadError(error, file);
    });
    if (info.isDirectory()) return null;
    total += info.size;
  }
  return total;
}

/**
 * Rows of all inputs in their order.
 * @throws {EngineError} E_USAGE for an input that cannot be read, E_DATA_INVALID for one of the wrong kind or without
 *   a single row, E_ABORTED
 */
export async function* readRows(
  { files, format, separator, field, signal }: InputOptions,
  problems: Problems,
  onBytes: (bytes: number) => void = () => undefined,
): AsyncGenerator<DataRow, void, void> {
  if (separator === '')
    throw new EngineError('E_USAGE', 'data: --separator; expected a text, got none. Leave it out.');
  const context: ReaderContext = { problems, separator, field, signal, onBytes };
  let n = 0;
  for (const file of files)
    for await (const row of (await readerOf(file, format)).read(file, context)) {
      n++;
      if (n % TURN_ROWS === 0) await new Promise((resolve) => setImmediate(resolve));
      throwIfCut(signal);
      yield await withMediaBeside(row);
    }
  if (n === 0) throw withoutRows(files, problems);
}

/** What is wrong with the first row is likely what is wrong with all. */
function withoutRows(files: readonly string[], { count, kept: [first] }: Problems): EngineError {
  const named = `${files.join(', ')}: no row that can be used`;
  if (first === undefined) return invalidData(`${named}. Add rows, or name other files.`);
  return invalidData(`${named}, and ${count} that cannot; the first: ${describeProblem(first)}`);
}

async function readerOf(file: string, format: string | null): Promise<Reader> {
  const info = await stat(file).catch((error: unknown) => {
    throw asReadError(error, file);
  });
  if (info.isDirectory()) return FOLDER_READER;
  const ending = extname(file).slice(1).toLowerCase();
  const reader = READERS.find(({ name, endings }) =>
    format === null ? endings.includes(ending) : name === format,
  );
  if (reader !== undefined) return reader;
  const known = READERS.flatMap(({ endings }) => endings.map((one) => `.${one}`)).join(', ');
  throw new EngineError(
    'E_USAGE',
    `data: ${file}: expected a folder or a name that ends in ${known}. Give --format, one of ${FORMAT_NAMES.join(', ')}.`,
  );
}
