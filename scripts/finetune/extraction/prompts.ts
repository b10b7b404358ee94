/** What a model is asked to extract with: a base in several ways, of which the best counts, and an adapter. */
import type { Asked } from '../measure/answers.ts';
import type { Message } from '../rows.ts';
import type { ExtractionItem } from './make.ts';

export type Question = Pick<ExtractionItem, 'schema' | 'text'>;

export interface BasePrompt {
  readonly name: string;
  /** @param examples texts of learned families, with what is extracted */
  readonly ask: (question: Question, examples: readonly ExtractionItem[]) => Asked;
}

/** Texts that a prompt shows. */
export const N_EXAMPLE = 4;

const INSTRUCTION =
  'Extract data from the text as one JSON object that matches the JSON schema. Write null for what the text does not say, ' +
  'dates as YYYY-MM-DD, times in 24 hours. Answer with the JSON object only.';

const body = ({ schema, text }: Question): string =>
  `Schema: ${JSON.stringify(schema)}\n\nText: ${text}`;

/** What an adapter is asked with: the schema as the system message, the text as the user's. */
export const adapterPrompt = ({ schema, text }: Question): Message[] => [
  { role: 'system', content: JSON.stringify(schema) },
  { role: 'user', content: text },
];

export const answerOf = ({ expected }: Pick<ExtractionItem, 'expected'>): string =>
  JSON.stringify(expected);

export const BASE_PROMPTS: readonly BasePrompt[] = [
  {
    name: 'an instruction',
    ask: (question) => [{ role: 'user', content: `${INSTRUCTION}\n\n${body(question)}` }],
  },
  {
    name: `a conversation of ${N_EXAMPLE} examples`,
    ask: (question, examples) => [
      { role: 'system', content: INSTRUCTION },
      ...examples.flatMap((one): Message[] => [
        { role: 'user', content: body(one) },
        { role: 'assistant', content: answerOf(one) },
      ]),
      { role: 'user', content: body(question) },
    ],
  },
  {
    name: `a text of ${N_EXAMPLE} examples`,
    ask: (question, examples) =>
      [
        ...examples.map((one) => `${body(one)}\n\nJSON: ${answerOf(one)}`),
        `${body(question)}\n\nJSON:`,
      ].join('\n\n'),
  },
  { name: 'as the adapter is asked', ask: adapterPrompt },
];
