/** A split of sentence pairs as a folder: what `thimble finetune` reads, and what is measured on. */
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { EngineError } from '../../../engine/base/errors.ts';
import { makeFolder } from '../../train/checkpoint.ts';
import { readText } from '../../train/read-text.ts';
import type { TranslationData } from './evaluate.ts';
import type { PairSplit } from './pairs.ts';
import { adapterPrompt } from './prompts.ts';

/** Files of the folder. */
export const TRANSLATION_FILES = {
  train: 'train.jsonl',
  test: 'test.jsonl',
  choice: 'choice.jsonl',
} as const;
/** Sentences of a file that are measured on, and characters of each. */
const MAX_SENTENCES = 100_000;
const sentence = z.string().min(1).max(2000);

const learned = z
  .object({ prompt: sentence, completion: sentence })
  .transform(({ prompt, completion }) => ({ source: prompt.trim(), target: completion.trim() }));
const translated = z.object({ source: sentence, references: z.array(sentence).min(1).max(1000) });

/** @throws {EngineError} E_DISK */
export async function writeSplit(
  folder: string,
  { train, test, choice }: PairSplit,
): Promise<void> {
  await makeFolder(folder);
  const write = async (name: string, rows: readonly object[]): Promise<void> =>
    await writeFile(join(folder, name), rows.map((row) => `${JSON.stringify(row)}\n`).join(''));
  const { train: learnedFile, test: testFile, choice: choiceFile } = TRANSLATION_FILES;
  await write(
    learnedFile,
    train.map(({ source, target }) => ({ prompt: adapterPrompt(source), completion: target })),
  );
  await write(testFile, test);
  await write(choiceFile, choice);
}

/** @throws {EngineError} E_USAGE naming the file and the line of the first bad row */
export async function readSplit(folder: string): Promise<TranslationData> {
  const { train, test, choice } = TRANSLATION_FILES;
  return {
    train: await readRows(join(folder, train), learned),
    test: await readRows(join(folder, test), translated),
    choice: await readRows(join(folder, choice), translated),
  };
}

async function readRows<T>(file: string, row: z.ZodType<T>): Promise<T[]> {
  const lines = (await readText(file, 'data')).split('\n').map((line, i) => ({ line, at: i + 1 }));
  const used = lines.filter(({ line }) => line.trim() !== '');
  if (used.length === 0 || used.length > MAX_SENTENCES)
    throw refused(file, `has ${used.length} rows; expected 1 to ${MAX_SENTENCES}`);
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
