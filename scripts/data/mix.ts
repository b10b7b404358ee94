/**
 * A weighted mixture of sources: which source each row comes from is drawn by a seed, its rows in their own order.
 * Ends with the first source that has no more rows, or at a number of rows, for which sources begin again.
 */
import { join } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import { share } from '../eval/intervals.ts';
import { SeededRandom } from '../lib/seeded-random.ts';
import type { CardAbout } from './output/croissant.ts';
import { RowWriter, writeFolder } from './output/folder.ts';
import type { Section } from './output/section.ts';
import { problemSections } from './output/section.ts';
import { writeReport } from './output/write-report.ts';
import { WrittenRows } from './output/written-rows.ts';
import { Problems } from './problems.ts';
import { readRows } from './readers/index.ts';
import type { InputOptions } from './readers/index.ts';
import { ROWS_FILE } from './rewrite.ts';
import type { DataRow } from './row.ts';

export interface MixSource {
  readonly file: string;
  /** Above 0 and finite; only its share of all weights counts. */
  readonly weight: number;
}

export interface MixOptions {
  readonly sources: readonly MixSource[];
  readonly input: Omit<InputOptions, 'files'>;
  readonly isStrict: boolean;
  readonly seed: number;
  /** Null to end with the first source that has no more rows. */
  readonly nRow: number | null;
  readonly out: string;
  readonly about: CardAbout;
  readonly onRow?: (nRow: number) => void;
}

export interface Mixed {
  readonly nRow: number;
  /** Rows of each source, and how often it was read to its end. */
  readonly taken: readonly { readonly nRow: number; readonly nEpoch: number }[];
  readonly problems: Problems;
  readonly sha256: string;
  readonly sections: readonly Section[];
  readonly missing: readonly string[];
}

/** `stories.txt=0.7` @throws {EngineError} E_USAGE naming the weight */
export function parseSource(text: string): MixSource {
  const at = text.lastIndexOf('=');
  const weight = Number(text.slice(at + 1));
  const isNumber = at > 0 && text.slice(at + 1).trim() !== '' && Number.isFinite(weight);
  if (isNumber && weight > 0) return { file: text.slice(0, at), weight };
  throw new EngineError(
    'E_USAGE',
    `data: mix: expected FILE=WEIGHT with a weight above 0 and finite, got ${JSON.stringify(text)}. Write it as stories.txt=0.7.`,
    { param: 'source' },
  );
}

/** @throws {EngineError} as `readRows` and `writeFolder` do */
export async function mixRows(options: MixOptions): Promise<Mixed> {
  const { sources, input, isStrict, seed, nRow, out, about, onRow } = options;
  if (sources.length === 0)
    throw new EngineError('E_USAGE', 'data: mix: expected sources, got none. Give FILE=WEIGHT.');
  const problems = new Problems(isStrict);
  const random = new SeededRandom(seed);
  const total = sources.reduce((sum, { weight }) => sum + weight, 0);
  if (!Number.isFinite(total))
    throw new EngineError(
      'E_USAGE',
      'data: mix: the sum of the weights is not finite. Give smaller weights.',
    );
  const readers = sources.map(
    ({ file }) => new SourceReader({ ...input, files: [file] }, problems),
  );
  return await writeFolder(out, async (folder) => {
    const writer = new RowWriter(join(folder, ROWS_FILE));
    const written = new WrittenRows(folder, about.licence);
    try {
      while (nRow === null || writer.nRow < nRow) {
        const reader = readers[pickSource(sources, random.next() * total)]!;
        const row = await reader.next(nRow !== null);
        if (row === null) break;
        await writer.write(await written.fieldsOf(row));
        onRow?.(writer.nRow);
      }
    } catch (error) {
      await writer.drop();
      throw error;
    } finally {
      for (const reader of readers) await reader.close();
    }
    const sha256 = await writer.end();
    const taken = readers.map(({ nTaken, nEpoch }) => ({ nRow: nTaken, nEpoch }));
    const sections = [mixSection(options, taken, total), ...problemSections(problems)];
    const file = { path: ROWS_FILE, bytes: writer.nByte, sha256 };
    const missing = await writeReport(
      folder,
      about,
      sections,
      [{ file, columns: written.facts.columns }],
      written.facts,
    );
    return { nRow: writer.nRow, taken, problems, sha256, sections, missing };
  });
}

function pickSource(sources: readonly MixSource[], at: number): number {
  let sum = 0;
  for (const [i, { weight }] of sources.entries()) {
    sum += weight;
    if (at < sum) return i;
  }
  return sources.length - 1;
}

/** Rows of one source, from its begin again where wanted; problems are noted in the first reading alone. */
class SourceReader {
  readonly #input: InputOptions;
  readonly #problems: Problems;
  #rows: AsyncGenerator<DataRow, void, void>;
  nTaken = 0;
  nEpoch = 0;

  constructor(input: InputOptions, problems: Problems) {
    this.#input = input;
    this.#problems = problems;
    this.#rows = readRows(input, this.#problems);
  }

  /** Null after the last row, unless the source begins again. */
  async next(isEndless: boolean): Promise<DataRow | null> {
    for (;;) {
      const { value, done } = await this.#rows.next();
      if (done !== true) {
        this.nTaken++;
        return value;
      }
      this.nEpoch++;
      if (!isEndless) return null;
      this.#rows = readRows(this.#input, new Problems());
    }
  }

  async close(): Promise<void> {
    await this.#rows.return();
  }
}

function mixSection({ sources, seed }: MixOptions, taken: Mixed['taken'], total: number): Section {
  const nRow = taken.reduce((n, one) => n + one.nRow, 0);
  return {
    title: 'Sources',
    note: `seed ${seed}; rows of a source keep their order`,
    head: ['source', 'weight', 'wanted', 'rows', 'share', 'read to its end'],
    rows: sources.map(({ file, weight }, i) => {
      const { nRow: n = 0, nEpoch = 0 } = taken[i] ?? {};
      const { value } = share(n, nRow);
      return [
        ...[file, String(weight), `${((100 * weight) / total).toFixed(2)} %`, String(n)],
        ...[nRow === 0 ? '' : `${(100 * value).toFixed(2)} %`, `${nEpoch} times`],
      ];
    }),
    numbers: [1, 2, 3, 4],
  };
}
