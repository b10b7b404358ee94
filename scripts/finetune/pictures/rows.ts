/** Rows of pictures with texts: JSONL files of captions, or of questions and answers, as data sets of pictures have them. */
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import { EngineError } from '../../../engine/base/errors.ts';
import { readQuestions } from '../../data/mini/easy-vqa.ts';
import { readText } from '../../train/read-text.ts';

/** What is asked about a picture and answered. */
export interface PictureText {
  readonly question: string;
  readonly answer: string;
}

export interface PictureRow {
  readonly file: string;
  /** From 1. */
  readonly line: number;
  /** Path of the picture. */
  readonly image: string;
  readonly texts: readonly PictureText[];
  /** Part of the data that it belongs to; null where the data does not say. */
  readonly split: string | null;
}

/** A row is learned from whose data says this of it, or nothing. */
export const TRAIN_SPLIT = 'train';
/** What captions answer: several wordings, so that others are understood, too. The first is what evaluations ask. */
export const CAPTION_QUESTIONS = [
  'Describe the image.',
  'Describe the picture.',
  'What is in this picture?',
  'What does the image show?',
  'What do you see?',
] as const;

/** Pictures of all files together: their vectors are held in memory, 41 kB each of the default encoder. */
export const MAX_PICTURE_ROWS = 100_000;
const MAX_LINE_CHARS = 100_000;
const MAX_FAULTS = 10;
/** Files of a folder that have rows, where the folder is named in their place. */
const FOLDER_FILES = ['captions.jsonl', 'vqa.jsonl', 'questions.jsonl'] as const;
/** Of a part of easy-VQA, as it is published: [question, answer, number of the picture]. */
const EASY_VQA_FILE = 'questions.json';

const text = z.string().trim().min(1, 'expected text that is not empty').max(4000);
const image = z.string().min(1).max(1000);
const split = z.string().max(100).optional();
const texts = z.array(text).min(1).max(100);
const questions = z.array(z.object({ question: text, answer: text })).max(100);
const row = z.union(
  [
    z.object({ image, split, captions: texts, questions: questions.optional() }),
    z.object({ image, split, caption: text, questions: questions.optional() }),
    z.object({ image, split, question: text, answers: texts }),
    z.object({ image, split, question: text, answer: text }),
  ],
  {
    error:
      'expected {"image", "captions": [...]} or {"image", "caption"} (both may have "questions": [{"question", "answer"}]), {"image", "question", "answer"} or {"image", "question", "answers": [...]}',
  },
);

/** @param paths JSONL files, or folders with some @throws {EngineError} E_USAGE naming files and lines */
export async function readPictureRows(paths: readonly string[]): Promise<PictureRow[]> {
  const files = (await Promise.all(paths.map(filesOf))).flat();
  const rows: PictureRow[] = [];
  const faults: string[] = [];
  for (const file of files) {
    if (basename(file) === EASY_VQA_FILE) {
      rows.push(...(await readEasyVqaRows(file)));
      continue;
    }
    for (const [i, line] of (await readText(file, 'images')).split('\n').entries()) {
      if (line.trim() === '') continue;
      const found = parseLine(line, file, i + 1);
      if (typeof found === 'string') faults.push(`${file}: line ${i + 1}: ${found}`);
      else rows.push(found);
    }
  }
  if (faults.length > 0) throw refused(faults);
  if (rows.length === 0)
    throw new EngineError('E_USAGE', `images: ${paths.join(', ')}: no rows. Give one a line.`);
  if (rows.length > MAX_PICTURE_ROWS)
    throw new EngineError(
      'E_USAGE',
      `images: ${rows.length} rows; expected at most ${MAX_PICTURE_ROWS}. Take a part of them.`,
    );
  return rows;
}

async function filesOf(path: string): Promise<string[]> {
  const found = await stat(path).catch(() => null);
  if (found?.isDirectory() !== true) return [path];
  const names = await readdir(path);
  const files = [...FOLDER_FILES, EASY_VQA_FILE].filter((name) => names.includes(name));
  if (files.length > 0) return files.map((name) => join(path, name));
  throw new EngineError(
    'E_USAGE',
    `images: ${path} has none of ${FOLDER_FILES.join(', ')}, ${EASY_VQA_FILE}. Give the file of its rows.`,
  );
}

/** Rows of one part of easy-VQA, whose folder says which it is. */
async function readEasyVqaRows(file: string): Promise<PictureRow[]> {
  const folder = dirname(resolve(file));
  return (await readQuestions(file)).map(([question, answer, image], i) => ({
    ...{ file, line: i + 1, image: join(folder, 'images', `${image}.png`) },
    ...{ texts: [{ question, answer }], split: basename(folder) },
  }));
}

/** A row, or what is wrong with it. */
function parseLine(line: string, file: string, number: number): PictureRow | string {
  if (line.length > MAX_LINE_CHARS)
    return `has ${line.length} characters; expected at most ${MAX_LINE_CHARS}. Divide it`;
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return 'is not JSON. Write one object a line';
  }
  const parsed = row.safeParse(json);
  if (!parsed.success) return `${parsed.error.issues[0]?.message ?? 'is invalid'}. Correct it`;
  const found = parsed.data;
  return {
    ...{ file, line: number, texts: textsOf(found, number) },
    ...{ image: resolve(dirname(file), found.image), split: found.split ?? null },
  };
}

function textsOf(found: z.output<typeof row>, number: number): PictureText[] {
  if ('question' in found) {
    // One of several people's answers: the first is as good as any, and the same each time.
    const answer = 'answer' in found ? found.answer : found.answers[0]!;
    return [{ question: found.question, answer }];
  }
  const captions = 'caption' in found ? [found.caption] : found.captions;
  // The same for all captions of a picture, which then have all before them in common.
  const question = CAPTION_QUESTIONS[number % CAPTION_QUESTIONS.length]!;
  return [...captions.map((answer) => ({ question, answer })), ...(found.questions ?? [])];
}

/** Rows with those of their texts that say what a picture shows; rows without any are left out. */
export function captionRows(rows: readonly PictureRow[]): PictureRow[] {
  return rowsWith(rows, isCaption);
}

/** The same of answers to questions about a picture. */
export function questionRows(rows: readonly PictureRow[]): PictureRow[] {
  return rowsWith(rows, (text) => !isCaption(text));
}

const isCaption = ({ question }: PictureText): boolean =>
  CAPTION_QUESTIONS.some((one) => one === question);

function rowsWith(
  rows: readonly PictureRow[],
  isWanted: (text: PictureText) => boolean,
): PictureRow[] {
  return rows
    .map((row) => ({ ...row, texts: row.texts.filter(isWanted) }))
    .filter(({ texts }) => texts.length > 0);
}

function refused(faults: readonly string[]): EngineError {
  const more = faults.length > MAX_FAULTS ? `\n  and ${faults.length - MAX_FAULTS} more` : '';
  return new EngineError(
    'E_USAGE',
    `images: ${faults.length} rows cannot be learned from:\n  ${faults.slice(0, MAX_FAULTS).join('.\n  ')}.${more}`,
    { param: 'images', details: { faults: faults.length } },
  );
}
