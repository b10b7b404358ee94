/**
 * Folders of pictures or recordings: tables in the folder (JSONL, CSV or Parquet) name each file in a field `image`,
 * `audio`, `sound` or `file_name`; a recording without a table has its transcript in a file of the same name, `.txt`.
 */
import { readdir, readFile, stat } from 'node:fs/promises';
import { basename, extname, join } from 'node:path';
import { invalidData } from '../problems.ts';
import type { DataRow, Media } from '../row.ts';
import { mediaField, pathBeside } from '../row.ts';
import { CSV_READER } from './csv.ts';
import { JSONL_READER } from './jsonl.ts';
import { PARQUET_READER } from './parquet.ts';
import { asReadError, decodeUtf8, firstBytes, throwIfCut } from './pieces.ts';
import { rowOf } from './reader.ts';
import type { Reader, ReaderContext } from './reader.ts';

const TABLES: readonly Reader[] = [JSONL_READER, CSV_READER, PARQUET_READER];
const MAX_TRANSCRIPT_BYTES = 2 ** 20;
/** First bytes of the formats that are read, by kind. */
const MAGICS: Readonly<Record<Media['kind'], readonly string[]>> = {
  image: ['\x89PNG', '\xff\xd8\xff'],
  sound: ['RIFF', 'fLaC', 'OggS', 'ID3', '\xff\xfb', '\xff\xf3'],
};
const FORMATS: Readonly<Record<Media['kind'], string>> = {
  image: 'a PNG or JPEG file',
  sound: 'a WAV, FLAC, Ogg or MP3 file',
};

export const FOLDER_READER: Reader = { name: 'folder', endings: [], read };

async function* read(folder: string, context: ReaderContext): AsyncGenerator<DataRow, void, void> {
  const names = (
    await readdir(folder).catch((error: unknown) => {
      throw asReadError(error, folder);
    })
  ).sort();
  const tables = names.flatMap((name) => {
    const reader = TABLES.find(({ endings }) => endings.includes(extname(name).slice(1)));
    return reader === undefined ? [] : [{ file: join(folder, name), reader }];
  });
  const recordings = names.filter((name) => extname(name).toLowerCase() === '.wav');
  if (tables.length === 0 && recordings.length === 0)
    throw invalidData(
      `${folder}: expected a table (.jsonl, .csv or .parquet) or .wav files with .txt beside them, found neither. Name another folder.`,
    );
  for (const { file, reader } of tables)
    for await (const row of reader.read(file, context)) {
      const media = await checkedMedia(row, context);
      if (media !== undefined) yield { ...row, media };
    }
  if (tables.length === 0)
    for (const [i, name] of recordings.entries()) {
      throwIfCut(context.signal);
      const row = await transcribedRow(folder, name, i + 1, context);
      if (row !== null) yield row;
    }
}

/** A row of a table that is read by itself: the file that it names counts if it lies beside the table. */
export async function withMediaBeside(row: DataRow): Promise<DataRow> {
  const found = mediaField(row.fields);
  if (found === null || row.media !== null) return row;
  const [field, kind] = found;
  const path = pathBeside(row.file, String(row.fields[field]));
  return path !== null && (await isOfKind(path, kind)) === true
    ? { ...row, media: { kind, path } }
    : row;
}

/** Whether a file begins as one of a kind; null for one that is missing. */
async function isOfKind(path: string, kind: Media['kind']): Promise<boolean | null> {
  const begin = await firstBytes(path, 8);
  return begin === null ? null : MAGICS[kind].some((magic) => begin.startsWith(magic));
}

/** The file that a row names; null for a row that names none, undefined for one that is refused. */
async function checkedMedia(
  { fields, file, line }: DataRow,
  { problems }: ReaderContext,
): Promise<Media | null | undefined> {
  const found = mediaField(fields);
  if (found === null) return null;
  const [field, kind] = found;
  const value = String(fields[field]);
  const refuse = (problem: string, fix: string): undefined => {
    problems.add({ file, line, field, value, problem, fix });
    return undefined;
  };
  const path = pathBeside(file, value);
  if (path === null)
    return refuse('leads out of the folder', 'Name files below the folder of the table.');
  const isRight = await isOfKind(path, kind);
  if (isRight === null)
    return refuse('names a file that is missing', 'Add the file, or take the row away.');
  return isRight
    ? { kind, path }
    : refuse(`is not ${FORMATS[kind]}`, 'Convert the file, or take the row away.');
}

async function transcribedRow(
  folder: string,
  name: string,
  line: number,
  context: ReaderContext,
): Promise<DataRow | null> {
  const file = join(folder, name);
  const beside = join(folder, `${basename(name, extname(name))}.txt`);
  const refuse = (problem: string, value: unknown, fix: string): null => {
    context.problems.add({ file, line, field: 'transcript', value, problem, fix });
    return null;
  };
  const info = await stat(beside).catch(() => null);
  if (info === null)
    return refuse('has no transcript', basename(beside), 'Add the file, or a table that has it.');
  if (info.size > MAX_TRANSCRIPT_BYTES)
    return refuse(`is longer than ${MAX_TRANSCRIPT_BYTES} bytes`, info.size, 'Cut the recording.');
  const decoded = decodeUtf8(await readFile(beside));
  if (!('text' in decoded)) return refuse('is not UTF-8', decoded.value, decoded.fix);
  context.onBytes((await stat(file)).size);
  return rowOf({ audio: name, transcript: decoded.text.trim() }, file, line, context, {
    ...{ kind: 'sound', path: file },
  });
}
