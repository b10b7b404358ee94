/** The task commands as rows: the options of each, the request they make, and how the result is shown. */
import { EngineError } from '../../../engine/base/errors.ts';
import * as tasks from '../../../worker/serving/tasks/index.ts';
import type { Task } from '../../../worker/serving/tasks/task.ts';
import { parseCount, parseNumber } from '../../lib/arguments.ts';
import { readTextFile } from '../../eval/passages.ts';

export type TaskFlags = Readonly<Record<string, unknown>>;
type Option = readonly [
  flags: string,
  about: string,
  parse?: (text: string, before: never) => unknown,
];
type Answer = Readonly<Record<string, unknown>>;

export interface TaskCommand {
  readonly task: Task;
  readonly summary: string;
  readonly options: readonly Option[];
  /** The task's own fields. */
  readonly fields: (flags: TaskFlags, text: string) => Answer | Promise<Answer>;
  /** The field of a picture in place of `text`, of tasks that take one. */
  readonly pictureField?: string;
  /** Options that set fields of other names. */
  readonly fieldOptions?: Readonly<Record<string, string>>;
  readonly show: (answer: Answer) => string;
  readonly examples: readonly string[];
}

const collect = (value: string, before: readonly string[] = []): string[] => [...before, value];
const MAX_TOKENS: Option = ['--max-tokens <n>', 'maximum tokens of an answer', parseCount(1)];
const SAMPLING: readonly Option[] = [
  MAX_TOKENS,
  ['--temperature <t>', '0 (default) is greedy', parseNumber(0, 2)],
  ['--seed <n>', 'same seed, same text', parseCount(0)],
];
const INSTRUCTION: Option = ['--instruction <text>', 'what to do, in your own words'];

/** `name` or `name=description`. */
function labelOf(text: string): object | string {
  const at = text.indexOf('=');
  return at < 0 ? text : { label: text.slice(0, at), description: text.slice(at + 1) };
}

async function readSchema({ schema }: TaskFlags): Promise<unknown> {
  const path = String(schema);
  try {
    return JSON.parse(await readTextFile(path, 'extract', '--schema')) as unknown;
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new EngineError('E_USAGE', `extract: --schema ${path}: expected JSON; ${error.message}.`);
  }
}

interface LabelRow {
  readonly label: string;
  readonly probability: number;
}
interface QuoteRow {
  readonly text: string;
  readonly start: number;
  readonly end: number;
}

function showQuoted({ answer, quotes }: Answer): string {
  if (answer === null) return 'not found in the text';
  const lines = (quotes as readonly QuoteRow[]).map(
    ({ text, start, end }) => `  ${start}-${end}: "${text}"`,
  );
  return `${answer as string}\n${lines.join('\n')}`;
}

function showLabels({ labels }: Answer): string {
  return (labels as readonly LabelRow[])
    .toSorted((a, b) => b.probability - a.probability)
    .map(({ label, probability }) => `${probability.toFixed(3)}  ${label}`)
    .join('\n');
}

export const TASK_COMMANDS: Readonly<Record<string, TaskCommand>> = {
  summarize: {
    task: tasks.summarize,
    summary: 'summarize a text of any length',
    options: [
      ['--length <length>', 'short, medium or long: 40, 100 or 250 words'],
      ['--max-words <n>', 'maximum words, instead of a length', parseCount(1)],
      ['--style <style>', 'paragraph or bullet'],
      ...SAMPLING,
    ],
    fields: ({ length, maxWords, style }, text) => ({ text, length, max_words: maxWords, style }),
    show: ({ summary }) => String(summary),
    examples: [
      'thimble summarize report.txt --length short',
      'thimble summarize - --style bullet < notes.md',
    ],
  },
  translate: {
    task: tasks.translate,
    summary: 'translate a text, keeping its form',
    options: [
      ['--to <language>', 'the language to translate to'],
      ['--from <language>', 'the language of the text'],
      ...SAMPLING,
    ],
    fields: ({ to, from }, text) => ({ text, target: to, source: from }),
    fieldOptions: { target: '--to LANGUAGE', source: '--from LANGUAGE' },
    show: ({ translation }) => String(translation),
    examples: [
      'thimble translate letter.md --to French',
      'echo "Good morning." | thimble translate - --to German --from English',
    ],
  },
  extract: {
    task: tasks.extract,
    summary: 'extract data from a text as JSON of a schema',
    options: [['--schema <file>', 'a JSON Schema'], INSTRUCTION, ...SAMPLING],
    fields: async (flags, text) => ({
      ...{ text, instruction: flags['instruction'] },
      schema: flags['schema'] === undefined ? undefined : await readSchema(flags),
    }),
    fieldOptions: { schema: '--schema FILE' },
    show: ({ data }) => JSON.stringify(data, null, 2),
    examples: ['thimble extract invoice.txt --schema invoice.schema.json'],
  },
  classify: {
    task: tasks.classify,
    summary: 'choose the label that fits a text or a picture, with probabilities',
    pictureField: 'image',
    options: [
      ['--label <label>', 'a label, or label=description; may be given several times', collect],
      ['--multi', 'judge each label on its own'],
      ['--no-calibrate', "leave out the correction for the model's own preference"],
      INSTRUCTION,
    ],
    fields: ({ label, multi, calibrate, instruction }, text) => ({
      ...{ text, multi_label: multi, calibrate, instruction },
      labels: (label as readonly string[] | undefined)?.map(labelOf),
    }),
    fieldOptions: { labels: '--label LABEL, once for each label' },
    show: showLabels,
    examples: [
      'thimble classify review.txt --label positive --label negative',
      'thimble classify mail.txt --multi --label "spam=advertising nobody asked for" --label urgent',
      'thimble classify photo.jpg --label "a dog" --label "a street" --url http://localhost:8787',
    ],
  },
  rewrite: {
    task: tasks.rewrite,
    summary: 'rewrite a text in another tone',
    options: [['--tone <tone>', 'a tone such as polite or formal'], INSTRUCTION, ...SAMPLING],
    fields: ({ tone, instruction }, text) => ({ text, tone, instruction }),
    fieldOptions: { instruction: '--tone TONE or --instruction TEXT', tone: '--tone TONE' },
    show: ({ text }) => String(text),
    examples: [
      'thimble rewrite draft.txt --tone formal',
      'thimble rewrite - --instruction "Use short sentences." < draft.txt',
    ],
  },
  answer: {
    task: tasks.answer,
    summary: 'answer a question from a text, with quotations',
    options: [
      ['-q, --question <text>', 'the question to answer'],
      ['--max-quotes <n>', 'number of sentences the answer may be taken from', parseCount(1)],
      [
        '--min-gain <nats>',
        'how much a sentence must raise the probability of an answer',
        parseNumber(-100, 100),
      ],
      ...SAMPLING,
    ],
    fields: ({ question, maxQuotes, minGain }, text) => ({
      ...{ question, max_quotes: maxQuotes, min_gain: minGain },
      passages: [text],
    }),
    fieldOptions: { question: '-q QUESTION' },
    show: showQuoted,
    examples: ['thimble answer manual.txt -q "How long does the battery last?"'],
  },
};
