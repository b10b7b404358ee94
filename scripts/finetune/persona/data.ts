/** Conversations of the made-up shop as a folder: what `thimble finetune` reads, and what is measured on. */
import { join } from 'node:path';
import { z } from 'zod';
import { makeFolder } from '../../train/checkpoint.ts';
import { type RecipeFiles, readRows, writeRows } from '../measure/rows-file.ts';
import { GROUPS, type PersonaData, type PersonaItem } from './make.ts';

const FILES = { train: 'train.jsonl', test: 'test.jsonl', choice: 'choice.jsonl' } as const;

const text = z.string().min(1).max(2000);
const item: z.ZodType<PersonaItem> = z.object({
  ...{ group: z.literal(GROUPS), name: text, question: text },
  has: z.array(text).max(10).nullable(),
});

/** What a record has the hashes of. */
export function personaFiles(folder: string): RecipeFiles {
  return { folder, names: Object.values(FILES) };
}

/** @throws {EngineError} E_DISK */
export async function writePersona(
  folder: string,
  { train, test, choice }: PersonaData,
): Promise<void> {
  await makeFolder(folder);
  await writeRows(
    join(folder, FILES.train),
    train.map((messages) => ({ messages })),
  );
  await writeRows(join(folder, FILES.test), test);
  await writeRows(join(folder, FILES.choice), choice);
}

/** @throws {EngineError} E_USAGE naming the file and the line of the first bad row */
export async function readPersona(folder: string): Promise<Pick<PersonaData, 'test' | 'choice'>> {
  return {
    test: await readRows(folder, FILES.test, item),
    choice: await readRows(folder, FILES.choice, item),
  };
}
