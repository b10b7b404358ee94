/** What every command of data leaves in its folder beside rows: a report and a Croissant file. */
import { readdir, stat, writeFile } from 'node:fs/promises';
import { extname, join, relative, resolve, sep } from 'node:path';
import { hashFile } from '../../lib/hash-file.ts';
import { croissantOf } from './croissant.ts';
import type { CardAbout, CardRows, ColumnType, DescribedFile } from './croissant.ts';
import { sectionsPage } from './section.ts';
import type { Section } from './section.ts';

export const REPORT_FILE = 'report.html';
export const CARD_FILE = 'croissant.json';

/** Writes both; properties that the card lacks. */
export async function writeReport(
  folder: string,
  about: CardAbout,
  sections: readonly Section[],
  files: readonly DescribedFile[],
  rows: CardRows,
): Promise<readonly string[]> {
  const { json, missing } = croissantOf(about, files, rows);
  await writeFile(join(folder, CARD_FILE), `${JSON.stringify(json, null, 2)}\n`);
  await writeFile(join(folder, REPORT_FILE), sectionsPage(about.name, sections));
  return missing;
}

/**
 * Files of an input as a card in `out` names them; of a folder its tables.
 * @param columns types of the fields of each file
 */
export async function describeInputs(
  inputs: readonly string[],
  out: string,
  columns: ReadonlyMap<string, ReadonlyMap<string, ColumnType>>,
): Promise<DescribedFile[]> {
  const described: DescribedFile[] = [];
  for (const input of inputs)
    for (const file of await filesOf(input))
      described.push({
        file: {
          path: relative(resolve(out), resolve(file)).split(sep).join('/'),
          bytes: (await stat(file)).size,
          sha256: await hashFile(file),
        },
        columns: columns.get(file) ?? new Map(),
      });
  return described;
}

async function filesOf(input: string): Promise<string[]> {
  if (!(await stat(input)).isDirectory()) return [input];
  const names = await readdir(input);
  const tables = names.filter((name) => ['.jsonl', '.csv', '.parquet'].includes(extname(name)));
  return tables.toSorted().map((name) => join(input, name));
}
