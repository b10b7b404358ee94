/**
 * Decides questions about a text by how likely the model finds each answer. Nothing is generated: an answer's score is
 * the mean log-probability of its tokens after the question, calibrated by texts without content. Answers are scored
 * apart from each other, so that their order changes nothing.
 */
import { z } from 'zod';
import { lineField, taskAnswer, taskFields, textField } from './fields.ts';
import { calibrate, meanRow, normalize } from './label-scores.ts';
import { CONTENT_FREE_TEXTS } from './prompts/content-free.ts';
import { decidePrompt } from './prompts/decide.ts';
import { defineWholeTask } from './task.ts';
import { mean } from './task-model.ts';
import type { TaskModel } from './task-model.ts';
import { refuseAt, whole } from '../fields/refuse-at.ts';

export const MAX_QUESTIONS = 32;
export const MAX_OPTIONS = 26;
/** Numbers that a score may be. */
export const MAX_SCORES = 21;
const MAX_QUESTION_CHARS = 2000;
const MAX_OPTION_CHARS = 200;

const id = z.string().min(1).max(64).optional();
const question = lineField(MAX_QUESTION_CHARS);
const questionSchema = z
  .discriminatedUnion('type', [
    z.looseObject({ id, type: z.literal('predicate'), question }),
    z.looseObject({
      ...{ id, type: z.literal('choice'), question },
      options: z.array(lineField(MAX_OPTION_CHARS)).min(2).max(MAX_OPTIONS),
    }),
    z.looseObject({
      ...{ id, type: z.literal('score'), question },
      min: z.number().int().min(-1000).max(1000).default(1),
      max: z.number().int().min(-1000).max(1000).default(5),
    }),
  ])
  .superRefine(
    whole((one, context) => {
      if (one.type === 'choice') {
        const names = one.options.map((option) => option.trim());
        const twice = names.findIndex((name, i) => names.indexOf(name) < i);
        if (twice >= 0)
          refuseAt(context, ['options', twice], 'expected an option that is not there yet');
      }
      if (one.type !== 'score') return;
      const n = one.max - one.min + 1;
      if (n < 2 || n > MAX_SCORES)
        refuseAt(
          context,
          ['max'],
          `expected 1 to ${MAX_SCORES - 1} more than "min", which is ${one.min}`,
        );
    }),
  );
type Question = z.output<typeof questionSchema>;

const { model, redact, strict } = taskFields;
const body = z
  .looseObject({
    ...{ model, redact, strict },
    text: textField,
    questions: z.array(questionSchema).min(1).max(MAX_QUESTIONS),
    calibrate: z.boolean().default(true),
  })
  .meta({ id: 'DecisionsRequest' });

const probability = z.number().min(0).max(1);
const answerRow = z.strictObject({
  answer: z.union([z.string(), z.number().int()]),
  probability,
  likelihood: probability.describe('before calibration'),
  prior: probability.describe('its likelihood after texts without content'),
});
const decision = {
  id: z.string().nullable(),
  answers: z.array(answerRow).describe('in the order of the request; each kind sums to one'),
};
const answer = taskAnswer('decide', {
  decisions: z.array(
    z.discriminatedUnion('type', [
      z.strictObject({
        ...decision,
        type: z.literal('predicate'),
        decision: z.boolean(),
        probability: probability.describe('that it is so'),
      }),
      z.strictObject({ ...decision, type: z.literal('choice'), decision: z.string(), probability }),
      z.strictObject({
        ...decision,
        type: z.literal('score'),
        decision: z.number().int(),
        expected: z.number().describe('mean of the scores by their probabilities'),
        probability,
      }),
    ]),
  ),
}).meta({ id: 'Decisions' });

export const decide = defineWholeTask({ name: 'decide', body, answer, run });

type Body = z.output<typeof body>;
type AnswerRow = z.output<typeof answerRow>;

async function run(taskModel: TaskModel, request: Body): Promise<object> {
  const decisions: object[] = [];
  // One after the other, so that each finds the text in the KV cache.
  for (const one of request.questions) decisions.push(await decideOne(taskModel, request, one));
  return { decisions };
}

/** Answers of a question, as they are scored and as they are returned. */
function answersOf(one: Question): { readonly text: string; readonly answer: string | number }[] {
  if (one.type === 'predicate') return ['Yes', 'No'].map((text) => ({ text, answer: text }));
  if (one.type === 'choice') return one.options.map((text) => ({ text, answer: text }));
  return Array.from({ length: one.max - one.min + 1 }, (_, i) => ({
    ...{ text: String(one.min + i), answer: one.min + i },
  }));
}

async function decideOne(taskModel: TaskModel, request: Body, one: Question): Promise<object> {
  const answers = answersOf(one);
  const texts = answers.map(({ text }) => text);
  const score = (text: string) => likelihoodsOf(taskModel, text, one.question, texts);
  const likelihoods = await score(request.text);
  const priors: number[][] = [];
  if (request.calibrate) for (const text of CONTENT_FREE_TEXTS) priors.push(await score(text));
  const prior = request.calibrate ? meanRow(priors) : texts.map(() => 1 / texts.length);
  const probabilities = calibrate(likelihoods, prior);
  const rows = answers.map((given, i): AnswerRow => ({
    answer: given.answer,
    ...{ probability: probabilities[i]!, likelihood: likelihoods[i]!, prior: prior[i]! },
  }));
  const best = rows.reduce((a, b) => (b.probability > a.probability ? b : a));
  const frame = { id: one.id ?? null, type: one.type, answers: rows };
  if (one.type === 'predicate')
    return { ...frame, decision: best.answer === 'Yes', probability: rows[0]!.probability };
  const decided = { ...frame, decision: best.answer, probability: best.probability };
  if (one.type === 'choice') return decided;
  const expected = rows.reduce((sum, row) => sum + Number(row.answer) * row.probability, 0);
  return { ...decided, expected };
}

/** [answers], normalized: e to the mean log-probability of each one's tokens. */
async function likelihoodsOf(
  taskModel: TaskModel,
  text: string,
  asked: string,
  answers: readonly string[],
): Promise<number[]> {
  const { tokenizer } = taskModel.host.model;
  const ids = await taskModel.encode({ messages: decidePrompt(text, asked), field: 'text' });
  const row: number[] = [];
  for (const one of answers) {
    const tokens = tokenizer.encode(one, { special: false });
    row.push(Math.exp(mean(await taskModel.score(ids, tokens, 'text'))));
  }
  return normalize(row);
}
