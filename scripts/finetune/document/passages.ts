/** A document as passages that fit beside a question, and questions that somebody asked about places in it. */
import { z } from 'zod';
import { EngineError } from '../../../engine/base/errors.ts';
import { chunkText } from '../../../engine/text/chunk-text.ts';
import type { Tokenizer } from '../../../engine/text/tokenizer.ts';
import { readText } from '../../train/read-text.ts';

export interface Document {
  readonly text: string;
  readonly tokens: readonly number[];
  readonly passages: readonly string[];
}

export interface DocumentQuestion {
  readonly question: string;
  /** What a right answer has in it; null where nobody says. */
  readonly answer: string | null;
  /** Index of the passage that answers it. */
  readonly passage: number;
}

/** Documents are held in memory with all that is asked about them. */
const MAX_DOCUMENT_CHARS = 4_000_000;
const MAX_QUESTIONS = 100_000;
/** Faults that a message lists. */
const MAX_FAULTS = 10;

const row = z.object({
  question: z.string().min(1).max(2000),
  quote: z.string().min(1).max(20_000),
  answer: z.string().min(1).max(2000).optional(),
});

/** @throws {EngineError} E_USAGE for a file that cannot be read, is too long or has no text */
export async function readDocument(
  file: string,
  tokenizer: Tokenizer,
  passageTokens: number,
): Promise<Document> {
  const text = await readText(file, 'document');
  if (text.length > MAX_DOCUMENT_CHARS)
    throw new EngineError(
      'E_USAGE',
      `document: ${file}: ${text.length} characters; expected at most ${MAX_DOCUMENT_CHARS}. Divide it.`,
      { param: 'document' },
    );
  const count = (part: string): number => tokenizer.encode(part, { special: false }).length;
  const passages = chunkText(text, passageTokens, count).map(({ start, end }) =>
    text.slice(start, end),
  );
  if (passages.length === 0)
    throw new EngineError('E_USAGE', `document: ${file}: has no text. Give another file.`, {
      param: 'document',
    });
  return { text, tokens: tokenizer.encode(text, { special: false }), passages };
}

/**
 * Questions of a JSONL file, `{"question", "quote", "answer"?}` a line: the passage of each is the one that has its quote.
 * @throws {EngineError} E_USAGE listing bad rows by line and field
 */
export async function readDocumentQuestions(
  file: string,
  { passages }: Pick<Document, 'passages'>,
): Promise<DocumentQuestion[]> {
  const lines = (await readText(file, 'questions')).split('\n');
  const found: DocumentQuestion[] = [];
  const faults: string[] = [];
  for (const [i, line] of lines.entries()) {
    if (line.trim() === '') continue;
    const read = readRow(line, passages);
    if (typeof read === 'string') faults.push(`line ${i + 1}: ${read}`);
    else found.push(read);
  }
  if (found.length > MAX_QUESTIONS) faults.push(`has more than ${MAX_QUESTIONS} questions`);
  if (found.length === 0 && faults.length === 0) faults.push('has no questions');
  if (faults.length === 0) return found;
  throw new EngineError(
    'E_USAGE',
    `questions: ${file}:\n  ${faults.slice(0, MAX_FAULTS).join('.\n  ')}. Correct them.`,
    { param: 'questions', details: { faults: faults.length } },
  );
}

function readRow(line: string, passages: readonly string[]): DocumentQuestion | string {
  let json: unknown;
  try {
    json = JSON.parse(line);
  } catch {
    return 'is not JSON; expected {"question", "quote", "answer"}';
  }
  const parsed = row.safeParse(json);
  if (!parsed.success) {
    const [issue] = parsed.error.issues;
    return `${issue?.path.join('.') ?? ''}: ${issue?.message ?? 'is invalid'}`;
  }
  const { question, quote, answer = null } = parsed.data;
  const passage = passages.findIndex((text) => text.includes(quote));
  return passage < 0
    ? 'quote: is not within one passage of the document; expected some of its words, as they stand there'
    : { question, answer, passage };
}
