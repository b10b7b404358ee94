/** Commands that go over rows and keep, change or drop each: a folder with rows.jsonl, a report and a card. */
import { join } from 'node:path';
import type { CardAbout } from './output/croissant.ts';
import { checkFree, RowWriter, writeFolder } from './output/folder.ts';
import type { Section } from './output/section.ts';
import { problemSections } from './output/section.ts';
import { writeReport } from './output/write-report.ts';
import { WrittenRows } from './output/written-rows.ts';
import { Problems } from './problems.ts';
import { readRows } from './readers/index.ts';
import type { InputOptions } from './readers/index.ts';
import type { DataRow, Fields } from './row.ts';

export const ROWS_FILE = 'rows.jsonl';

/** A row as it goes on, or why it does not. */
export type Outcome = { readonly fields: Fields } | { readonly dropped: string };

export interface Operation {
  /** @param number of the row, from 0 */
  readonly decide: (row: DataRow, number: number, problems: Problems) => Outcome | Promise<Outcome>;
  /** What the report says beside the counts. */
  readonly sections: () => readonly Section[] | Promise<readonly Section[]>;
}

export interface RewriteOptions {
  readonly input: InputOptions;
  readonly isStrict: boolean;
  readonly out: string;
  readonly about: CardAbout;
  readonly operation: Operation;
  readonly onBytes?: (bytes: number) => void;
}

export interface Rewritten {
  readonly nRow: number;
  readonly nKept: number;
  readonly dropped: ReadonlyMap<string, number>;
  readonly problems: Problems;
  readonly sha256: string;
  readonly sections: readonly Section[];
  /** Properties that the card lacks. */
  readonly missing: readonly string[];
}

/** @throws {EngineError} as `readRows` and `writeFolder` do */
export async function rewriteRows(options: RewriteOptions): Promise<Rewritten> {
  const { input, isStrict, out, about, operation, onBytes } = options;
  await checkFree(out);
  const problems = new Problems(isStrict);
  return await writeFolder(out, async (folder) => {
    const writer = new RowWriter(join(folder, ROWS_FILE));
    const dropped = new Map<string, number>();
    const written = new WrittenRows(folder, about.licence);
    let nRow = 0;
    try {
      for await (const row of readRows(input, problems, onBytes)) {
        const outcome = await operation.decide(row, nRow++, problems);
        if ('dropped' in outcome) {
          dropped.set(outcome.dropped, (dropped.get(outcome.dropped) ?? 0) + 1);
          continue;
        }
        await writer.write(await written.fieldsOf(row, outcome.fields));
      }
    } catch (error) {
      await writer.drop();
      throw error;
    }
    const sha256 = await writer.end();
    const sections: readonly Section[] = [
      countSection(nRow, writer.nRow, dropped),
      ...problemSections(problems),
      ...(await operation.sections()),
      inputSection(input.files),
    ];
    const file = { path: ROWS_FILE, bytes: writer.nByte, sha256 };
    const missing = await writeReport(
      folder,
      about,
      sections,
      [{ file, columns: written.facts.columns }],
      written.facts,
    );
    return { nRow, nKept: writer.nRow, dropped, problems, sha256, sections, missing };
  });
}

function countSection(nRow: number, nKept: number, dropped: ReadonlyMap<string, number>): Section {
  return {
    title: 'Rows',
    rows: [
      ['read', String(nRow)],
      ['written', String(nKept)],
      ...[...dropped].map(([why, n]) => [`dropped: ${why}`, String(n)]),
    ],
    numbers: [1],
  };
}

export function inputSection(files: readonly string[]): Section {
  return { title: 'Made from', rows: files.map((file) => [file]) };
}
