/** Files of rows that a recipe writes with --make, and reads again when its adapter is measured. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { z } from 'zod';
import { EngineError } from '../../../engine/base/errors.ts';
import { readText } from '../../train/read-text.ts';

/** A folder that a recipe wrote, and its files. */
export interface RecipeFiles {
  readonly folder: string;
  readonly names: readonly string[];
}

/** Rows of a file. */
const MAX_ROWS = 100_000;

export async function writeRows(file: string, rows: readonly object[]): Promise<void> {
  await writeFile(file, rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
}

/** @throws {EngineError} E_USAGE naming the file and the line of the first bad row */
export async function readRows<T>(folder: string, name: string, row: z.ZodType<T>): Promise<T[]> {
  const file = join(folder, name);
  const lines = (await readText(file, 'data')).split('\n').map((line, i) => ({ line, at: i + 1 }));
  const used = lines.filter(({ line }) => line.trim() !== '');
  if (used.length === 0 || used.length > MAX_ROWS)
    throw refused(file, `has ${used.length} rows; expected 1 to ${MAX_ROWS}`);
  return used.map(({ line, at }) => {
    const parsed = row.safeParse(parseJson(line));
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    throw refused(file, `line ${at}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? ''}`);
  });
}

function parseJson(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

const refused = (file: string, what: string): EngineError =>
  new EngineError('E_USAGE', `data: ${file}: ${what}. Write the folder again with --make.`, {
    param: 'data',
  });
