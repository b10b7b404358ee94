/** What a reader of a file format is, and how the fields it finds become a row. */
import type { Problems } from '../problems.ts';
import { textOf, TEXT_FIELD_NAMES } from '../row.ts';
import type { DataRow, Fields, Media } from '../row.ts';
import type { ReadOptions } from './pieces.ts';

export interface ReaderContext extends ReadOptions {
  readonly problems: Problems;
  /** What ends a text in a plain text file. */
  readonly separator: string;
  /** The field that has the text; null for the usual names. */
  readonly field: string | null;
}

export interface Reader {
  readonly name: string;
  /** Endings of file names, without the dot. */
  readonly endings: readonly string[];
  read(file: string, context: ReaderContext): AsyncIterable<DataRow>;
}

/** The row of some fields; null, with the problem noted, where they have no text. */
export function rowOf(
  fields: Fields,
  file: string,
  line: number,
  { problems, field }: Pick<ReaderContext, 'problems' | 'field'>,
  media: Media | null = null,
): DataRow | null {
  const text = textOf(fields, field);
  if (typeof text === 'string') return { fields, text, file, line, media };
  const names = Object.keys(fields).slice(0, 12).join(', ');
  problems.add({
    ...{ file, line, field: text.field },
    ...(text.value === undefined
      ? {
          value: `the fields ${names}`,
          problem: field === null ? 'has no field with text' : 'is missing',
          fix:
            field === null
              ? `Name the field with --field, or call it one of ${TEXT_FIELD_NAMES}.`
              : 'Name another field with --field.',
        }
      : { value: text.value, problem: 'is not a text', fix: 'Make it a string.' }),
  });
  return null;
}
