/**
 * What is learned about a document: questions about its passages, answered by the base with the passage in context, and
 * passages to go on with (self-study, arXiv 2506.06266). The base that has only its prefix learns to say the same. Where
 * somebody has written the answer to a question, that is learned in place of what the base says. What was made is kept, line
 * by line, so that a command that was cut off goes on with it.
 */
import { appendFile, readFile, truncate } from 'node:fs/promises';
import { z } from 'zod';
import { EngineError, throwIfAborted } from '../../../engine/base/errors.ts';
import { sentencesOf } from '../../../engine/text/chunk-text.ts';
import type { Tokenizer } from '../../../engine/text/tokenizer.ts';
import { asDiskError } from '../../lib/disk.ts';
import type { EncodedText, Example, RowEncoder } from '../encode.ts';
import { certain, N_SHARE, type Teacher, type Told } from '../teacher.ts';
import type { Message } from '../rows.ts';
import type { Document, DocumentQuestion } from './passages.ts';
import { alone, forQuestion, forRest, withPassage } from './prompts.ts';

export interface StudyOptions {
  /** Where what was made is kept. */
  readonly file: string;
  /** Of all that decides it. */
  readonly fingerprint: string;
  /** Questions that the base makes about each passage. */
  readonly nQuestion: number;
  /** Whether passages are gone on with, too. */
  readonly hasRest: boolean;
  readonly seed: number;
  /** Tokens of a text that is learned. */
  readonly maxTokens: number;
  readonly signal: AbortSignal;
  readonly onPassage: (nDone: number, nPassage: number) => void;
}

export interface StudyParts {
  readonly document: Document;
  readonly asked: readonly DocumentQuestion[];
  readonly tokenizer: Tokenizer;
  readonly encoder: RowEncoder;
  readonly teacher: Teacher;
}

/** A text to say, what came before it, and what the teacher says of each of its tokens. */
interface Item extends Told {
  readonly prompt: string;
}

const MAX_QUESTION_TOKENS = 48;
/** Generations that share the teacher's passes. */
const MAX_AT_ONCE = 16;
export const MAX_ANSWER_TOKENS = 64;
/** Several questions to a passage are not to be the same. */
const QUESTION_SAMPLING = { temperature: 1, topP: 0.9 } as const;

/**
 * @returns examples of all passages, in their order
 * @throws {EngineError} E_ABORTED; E_USAGE for a file of another document; E_DISK
 */
export async function makeStudy(parts: StudyParts, options: StudyOptions): Promise<Example[]> {
  const { document } = parts;
  const done = await readDone(options);
  for (let i = done.length; i < document.passages.length; i++) {
    throwIfAborted(options.signal, 'finetune: cut off while it made questions');
    const items = await studyPassage(parts, i, options);
    done.push(items);
    await append(options.file, items.map(asWritten));
    options.onPassage(done.length, document.passages.length);
  }
  return done.flatMap((items, i) =>
    items.map((item) => asExample(item, i + 1, parts, options.maxTokens)),
  );
}

async function studyPassage(
  { document, asked, tokenizer, encoder, teacher }: StudyParts,
  index: number,
  { nQuestion, hasRest, seed, maxTokens, signal }: StudyOptions,
): Promise<Item[]> {
  const passage = document.passages[index]!;
  const said = async (request: readonly number[], k: number): Promise<string> => {
    const sampling = { ...QUESTION_SAMPLING, seed: seed + index * 1000 + k };
    const options = { maxTokens: MAX_QUESTION_TOKENS, sampling, signal };
    const { tokens } = await teacher.answer(request, options);
    return tokenizer.decode(tokens.filter((id) => !tokenizer.isSpecial(id)));
  };
  const ofPassage = asked.filter((one) => one.passage === index);
  const written = ofPassage.flatMap(({ question, answer }) =>
    answer === null ? [] : [writtenItem(question, answer, encoder, maxTokens)],
  );
  const request = encoder.asked(forQuestion(passage));
  const made = await firstAlone(nQuestion, (k) => said(request, k));
  const isWritten = (question: string): boolean =>
    written.some(({ prompt }) => prompt === question);
  const questions = [...ofPassage.map(({ question }) => question), ...made.flatMap(questionIn)];
  const unique = [...new Set(questions)].filter((question) => !isWritten(question));
  const answers = await firstAlone(unique.length, async (k): Promise<Item> => {
    const prompt = encoder.asked(withPassage(passage, unique[k]!));
    const told = await teacher.answer(prompt, { maxTokens: MAX_ANSWER_TOKENS, signal });
    return { prompt: unique[k]!, ...told };
  });
  const rest = hasRest ? await restOf(passage) : null;
  return [...written, ...answers, ...(rest === null ? [] : [rest])];

  async function restOf(text: string): Promise<Item | null> {
    const [opening, next] = sentencesOf(text);
    if (opening === undefined || next === undefined) return null;
    const prompt = forRest(text.slice(opening.start, opening.end));
    const tokens = tokenizer
      .encode(text.slice(next.start), { special: false, bos: false })
      .slice(0, maxTokens);
    const before = encoder.asked(withPassage(text, prompt));
    const shares = await teacher.read([...before, ...tokens], before.length, signal);
    return { prompt, tokens, shares };
  }
}

/** A question with the answer that somebody wrote, to the token that ends it. */
function writtenItem(
  question: string,
  answer: string,
  encoder: RowEncoder,
  maxTokens: number,
): Item {
  const messages: Message[] = [...alone(question), { role: 'assistant', content: answer }];
  const parts = encoder.parts({ form: 'messages', messages }, 1).flat();
  const tokens = parts.flatMap((part) => (part.isLearned ? part.tokens : []));
  return { prompt: question, ...certain(tokens.slice(0, maxTokens)) };
}

/** The first by itself, since the others find what it has read in the cache; then some at a time. */
async function firstAlone<T>(n: number, run: (k: number) => Promise<T>): Promise<T[]> {
  const done: T[] = [];
  while (done.length < n) {
    const first = done.length;
    const nNow = first === 0 ? 1 : Math.min(MAX_AT_ONCE, n - first);
    const answers = Array.from({ length: nNow }, (_, k) => run(first + k));
    done.push(...(await Promise.all(answers)));
  }
  return done;
}

/** A text that is one question, or nothing. */
function questionIn(text: string): string[] {
  const line = text.trim().split('\n')[0]!.trim();
  return /^[^?]{8,300}\?$/.test(line) ? [line] : [];
}

function asExample(
  { prompt, tokens, shares }: Item,
  line: number,
  { encoder }: Pick<StudyParts, 'encoder'>,
  maxTokens: number,
): Example {
  const asked = encoder.asked(alone(prompt));
  const all = [...asked, ...tokens].slice(0, maxTokens);
  const nLearned = Math.max(0, all.length - asked.length);
  const learned = Uint8Array.from(all, (_, i) => (i < asked.length ? 0 : 1));
  const text: EncodedText = {
    ...{ tokens: Uint32Array.from(all), learned, activeFrom: 0 },
    shares: {
      ids: shares.ids.slice(0, nLearned * N_SHARE),
      values: shares.values.slice(0, nLearned * N_SHARE),
    },
  };
  return { line, texts: [text], prompt: asked };
}

const id = z.number().int().nonnegative();
/** An item as a line of JSON has it. */
const itemLine = z
  .object({
    ...{ prompt: z.string(), tokens: z.array(id), ids: z.array(id) },
    shares: z.array(z.number().min(0).max(1)),
  })
  .refine(({ tokens, ids, shares }) =>
    [ids, shares].every(({ length }) => length === tokens.length * N_SHARE),
  );

const asWritten = ({ prompt, tokens, shares }: Item): z.output<typeof itemLine> => ({
  ...{ prompt, tokens: [...tokens], ids: [...shares.ids], shares: [...shares.values] },
});

/** What an earlier run has made: its whole lines. */
async function readDone({ file, fingerprint }: StudyOptions): Promise<Item[][]> {
  const text = await readFile(file, 'utf8').catch(() => null);
  const end = text === null ? -1 : text.lastIndexOf('\n');
  if (text === null || end < 0) {
    await append(file, { fingerprint });
    return [];
  }
  // A line that a kill cut off is made again.
  const whole = text.slice(0, end + 1);
  if (whole.length < text.length) await truncate(file, new TextEncoder().encode(whole).length);
  const [head, ...lines] = whole.slice(0, -1).split('\n');
  const other = (cause?: unknown): EngineError =>
    new EngineError(
      'E_USAGE',
      `${file}: is of another document or of other options. Give another --out, or delete it.`,
      { cause },
    );
  try {
    const { fingerprint: found } = JSON.parse(head!) as { readonly fingerprint?: string };
    if (found !== fingerprint) throw other();
    return lines.map((line) =>
      z
        .array(itemLine)
        .parse(JSON.parse(line))
        .map(({ prompt, tokens, ids, shares }) => ({
          ...{ prompt, tokens },
          shares: { ids: Uint32Array.from(ids), values: Float32Array.from(shares) },
        })),
    );
  } catch (error) {
    throw error instanceof EngineError ? error : other(error);
  }
}

async function append(file: string, json: object): Promise<void> {
  await appendFile(file, `${JSON.stringify(json)}\n`).catch((error: unknown) => {
    throw asDiskError(error, file, 'finetune');
  });
}
