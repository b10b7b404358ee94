/** A split of sentence pairs as a folder: what `thimble finetune` reads, and what is measured on. */
import { join } from 'node:path';
import { z } from 'zod';
import { makeFolder } from '../../train/checkpoint.ts';
import { type RecipeFiles, readRows, writeRows } from '../measure/rows-file.ts';
import type { TranslationData } from './evaluate.ts';
import type { PairSplit } from './pairs.ts';
import { adapterPrompt } from './prompts.ts';

/** Files of the folder. */
export const TRANSLATION_FILES = {
  train: 'train.jsonl',
  test: 'test.jsonl',
  choice: 'choice.jsonl',
} as const;
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
    await writeRows(join(folder, name), rows);
  const { train: learnedFile, test: testFile, choice: choiceFile } = TRANSLATION_FILES;
  await write(
    learnedFile,
    train.map(({ source, target }) => ({ prompt: adapterPrompt(source), completion: target })),
  );
  await write(testFile, test);
  await write(choiceFile, choice);
}

/** What a record has the hashes of. */
export function translationFiles(folder: string): RecipeFiles {
  return { folder, names: Object.values(TRANSLATION_FILES) };
}

/** @throws {EngineError} E_USAGE naming the file and the line of the first bad row */
export async function readSplit(folder: string): Promise<TranslationData> {
  const { train, test, choice } = TRANSLATION_FILES;
  return {
    train: await readRows(folder, train, learned),
    test: await readRows(folder, test, translated),
    choice: await readRows(folder, choice, translated),
  };
}
