/** Rows of a data file: JSON objects, one a line, of one of four forms; each that is not is refused by line and field. */
import { z } from 'zod';
import { EngineError } from '../../engine/base/errors.ts';

const text = z.string().min(1, 'expected text that is not empty');
const message = z.object({
  role: z.enum(['system', 'developer', 'user', 'assistant', 'tool']),
  content: z.string(),
  /** OpenAI's: 0 for an answer that is read and not learned. */
  weight: z.literal([0, 1], { error: 'expected 0 or 1' }).optional(),
});
const answer = z.union([text, z.tuple([message])], {
  error: 'expected a text, or a list of one message',
});

const messages = z.object({
  messages: z
    .array(message)
    .min(2)
    .refine((all) => all.some(({ role, weight }) => role === 'assistant' && weight !== 0), {
      message: 'expected a message of the assistant without "weight": 0, which is what is learned',
    }),
});
const completion = z.object({ prompt: z.string(), completion: text });
const plain = z.object({ text });
const preference = z
  .object({
    prompt: z.union([text, z.array(message).min(1)], {
      error: 'expected a text, or a list of messages',
    }),
    chosen: answer,
    rejected: answer,
  })
  .refine(({ chosen, rejected }) => JSON.stringify(chosen) !== JSON.stringify(rejected), {
    path: ['rejected'],
    message: 'expected another answer than "chosen"',
  });

/** OpenAI's form of a preference. */
const hostedPreference = z
  .object({
    input: z.object({ messages: z.array(message).min(1) }),
    preferred_output: z.tuple([message], 'expected a list of one message'),
    non_preferred_output: z.tuple([message], 'expected a list of one message'),
  })
  .transform(({ input, preferred_output: chosen, non_preferred_output: rejected }) => ({
    ...{ prompt: input.messages, chosen, rejected },
  }))
  .refine(({ chosen, rejected }) => chosen[0].content !== rejected[0].content, {
    path: ['non_preferred_output'],
    message: 'expected another answer than "preferred_output"',
  });

/** The forms by the field that tells them apart. */
const FORMS = {
  ...{ messages, completion, text: plain, chosen: preference },
  preferred_output: hostedPreference,
} as const;
type FormKey = keyof typeof FORMS;
const NAMES: Readonly<Record<FormKey, RowForm>> = {
  messages: 'messages',
  completion: 'completion',
  text: 'text',
  chosen: 'preference',
  preferred_output: 'preference',
};
export type RowForm = 'messages' | 'completion' | 'text' | 'preference';
/** Forms of rows, texts from which rows are made, and pictures with texts. */
export type DataForm = RowForm | 'document' | 'pictures';
const EXPECTED =
  '{"messages": [...]}, {"prompt", "completion"}, {"text"} or {"prompt", "chosen", "rejected"}';

export type Message = z.output<typeof message>;
export type Row =
  | ({ readonly form: 'messages' } & z.output<typeof messages>)
  | ({ readonly form: 'completion' } & z.output<typeof completion>)
  | ({ readonly form: 'text' } & z.output<typeof plain>)
  | ({ readonly form: 'preference' } & z.output<typeof preference>);

export interface NumberedRow {
  /** From 1. */
  readonly line: number;
  readonly row: Row;
}

/** Rows are held in memory. */
export const MAX_ROWS = 1_000_000;
/** Characters of a line. */
const MAX_LINE_CHARS = 4_000_000;
/** Faults that a message lists. */
const MAX_FAULTS = 10;

/** @throws {EngineError} E_USAGE listing bad rows, for rows of different forms, and for a file without any */
export function parseRows(content: string, file: string): NumberedRow[] {
  const faults: string[] = [];
  const rows: NumberedRow[] = [];
  for (const [i, raw] of content.split('\n').entries()) {
    if (raw.trim() === '') continue;
    const line = i + 1;
    const found = parseRow(raw);
    if (typeof found === 'string') faults.push(`line ${line}: ${found}`);
    else rows.push({ line, row: found });
    if (rows.length > MAX_ROWS) break;
  }
  const first = rows[0];
  const other = rows.find(({ row }) => row.form !== first?.row.form);
  if (first !== undefined && other !== undefined)
    faults.push(
      `line ${other.line}: is of the form "${other.row.form}", line ${first.line} of "${first.row.form}". Put them into files of their own`,
    );
  if (faults.length > 0) throw refused(file, faults);
  if (rows.length === 0)
    throw new EngineError('E_USAGE', `${file}: has no rows. Give one of ${EXPECTED} a line.`);
  if (rows.length > MAX_ROWS)
    throw new EngineError(
      'E_USAGE',
      `${file}: more than ${MAX_ROWS} rows. Divide it, or take a part of it.`,
    );
  return rows;
}

/** A row, or what is wrong with it and how to correct it. */
function parseRow(raw: string): Row | string {
  if (raw.length > MAX_LINE_CHARS)
    return `has ${raw.length} characters; expected at most ${MAX_LINE_CHARS}. Divide it`;
  let json: unknown;
  try {
    json = JSON.parse(raw);
  } catch (error) {
    return `is not JSON (${error instanceof Error ? error.message : String(error)}). Write one object a line`;
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json))
    return `is not an object. Write ${EXPECTED}`;
  const key = (Object.keys(FORMS) as FormKey[]).find((name) => Object.hasOwn(json, name));
  if (key === undefined)
    return `has fields ${Object.keys(json).join(', ').slice(0, 200) || '(none)'}; expected ${EXPECTED}. Rename them`;
  const parsed = FORMS[key].safeParse(json);
  if (parsed.success) return { form: NAMES[key], ...parsed.data } as Row;
  const issue = parsed.error.issues[0];
  return `${issue?.path.join('.') ?? key}: ${issue?.message ?? 'is invalid'}. Correct or remove the row`;
}

function refused(file: string, faults: readonly string[]): EngineError {
  const shown = faults.slice(0, MAX_FAULTS).join('.\n  ');
  const more = faults.length > MAX_FAULTS ? `\n  and ${faults.length - MAX_FAULTS} more` : '';
  return new EngineError(
    'E_USAGE',
    `${file}: ${faults.length} of its rows cannot be learned from:\n  ${shown}.${more}`,
    { param: 'data', details: { faults: faults.length } },
  );
}
