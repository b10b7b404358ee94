/** Made-up texts and schemas as a folder: what `thimble finetune` reads, and what is measured on. */
import { join } from 'node:path';
import { z } from 'zod';
import { makeFolder } from '../../train/checkpoint.ts';
import { type RecipeFiles, readRows, writeRows } from '../measure/rows-file.ts';
import type { ExtractionData, ExtractionItem } from './make.ts';
import { adapterPrompt, answerOf } from './prompts.ts';

const FILES = {
  train: 'train.jsonl',
  examples: 'examples.jsonl',
  test: 'test.jsonl',
  choice: 'choice.jsonl',
} as const;
/** Learned texts that are written once more as items, for prompts to show. */
const N_SHOWN = 16;

const text = z.string().min(1).max(4000);
const value = z.union([
  z.string().max(400),
  z.number(),
  z.boolean(),
  z.null(),
  z.array(z.string().max(400)).max(40),
]);
const item: z.ZodType<ExtractionItem> = z.object({
  ...{ family: text, text },
  schema: z.object({
    type: z.literal('object'),
    properties: z.record(z.string(), z.record(z.string(), z.unknown())),
  }),
  expected: z.record(z.string(), value),
});

/** What is measured on, and examples for prompts. */
export interface ExtractionSet {
  readonly examples: readonly ExtractionItem[];
  readonly test: readonly ExtractionItem[];
  readonly choice: readonly ExtractionItem[];
}

/** What a record has the hashes of. */
export function extractionFiles(folder: string): RecipeFiles {
  return { folder, names: Object.values(FILES) };
}

/** @throws {EngineError} E_DISK */
export async function writeExtraction(
  folder: string,
  { train, test, choice }: ExtractionData,
): Promise<void> {
  await makeFolder(folder);
  const rows = train.map((one) => ({
    messages: [...adapterPrompt(one), { role: 'assistant', content: answerOf(one) }],
  }));
  await writeRows(join(folder, FILES.train), rows);
  await writeRows(join(folder, FILES.examples), train.slice(0, N_SHOWN));
  await writeRows(join(folder, FILES.test), test);
  await writeRows(join(folder, FILES.choice), choice);
}

/** @throws {EngineError} E_USAGE naming the file and the line of the first bad row */
export async function readExtraction(folder: string): Promise<ExtractionSet> {
  return {
    examples: await readRows(folder, FILES.examples, item),
    test: await readRows(folder, FILES.test, item),
    choice: await readRows(folder, FILES.choice, item),
  };
}
