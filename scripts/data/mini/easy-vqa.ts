/** easy-VQA (Zhou 2019): questions about pictures of one shape, as it is published, as rows. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { invalidData } from '../problems.ts';

const schema = z.array(z.tuple([z.string().min(1), z.string().min(1), z.number().int().min(0)]));
const SPLITS = ['train', 'test'] as const;

export interface EasyVqaRow {
  /** Path of the picture below the data set's folder. */
  readonly image: string;
  readonly question: string;
  readonly answer: string;
  readonly type: string;
  readonly split: (typeof SPLITS)[number];
}

/** @param folder with train/ and test/, each with questions.json and images/ @throws {EngineError} E_DATA_INVALID */
export async function readEasyVqa(folder: string): Promise<EasyVqaRow[]> {
  const rows: EasyVqaRow[] = [];
  for (const split of SPLITS) {
    const path = join(folder, split, 'questions.json');
    for (const [question, answer, image] of await readQuestions(path))
      rows.push({
        image: `${split}/images/${image}.png`,
        ...{ question, answer, type: typeOf(question), split },
      });
  }
  return rows;
}

/** @param path of a part's questions.json @throws {EngineError} E_DATA_INVALID */
export async function readQuestions(path: string): Promise<z.output<typeof schema>> {
  let json: unknown;
  try {
    json = JSON.parse(await readFile(path, 'utf8'));
  } catch (error) {
    throw invalidData(`${path}: cannot be read (${String(error)}). Name easy-VQA's folder data.`);
  }
  const parsed = schema.safeParse(json);
  if (parsed.success) return parsed.data;
  const [issue] = parsed.error.issues;
  throw invalidData(
    `${path}: ${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is not a list of questions'}. Get easy-VQA again.`,
  );
}

/** What is asked for: a colour, a shape, or yes or no. */
function typeOf(question: string): string {
  if (/\bcolou?r\b/.test(question) && /^(what|which)/.test(question)) return 'colour';
  return /^(what|which)/.test(question) ? 'shape' : 'yes or no';
}
