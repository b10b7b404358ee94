/**
 * Which of some labels fits a text, by how likely the model finds each label as its answer. Nothing
 * is generated: a label's score is the mean log-probability of its tokens behind the prompt,
 * calibrated by what the model answers to texts that say nothing.
 */
import { z } from 'zod';
import {
  MAX_INSTRUCTION_CHARS,
  lineField,
  chunkCount,
  someText,
  taskEnd,
  taskFields,
  textField,
} from './fields.ts';
import { textOf } from './chunk-text.ts';
import { calibrate, softmax, weightedMean } from './label-scores.ts';
import { appliesPrompt, classifyPrompt, type Label, YES_OR_NO } from './prompts/classify.ts';
import { CONTENT_FREE_TEXTS } from './prompts/content-free.ts';
import { chunksOf, defineTask, inOnePiece } from './task.ts';
import { mean, type TaskModel, type TaskPrompt } from './task-model.ts';

export const MAX_LABELS = 64;
export const MAX_LABEL_CHARS = 100;
export const MAX_LABEL_DESCRIPTION_CHARS = 500;
const LEAST_ROOM = 16;

const labelText = lineField(MAX_LABEL_CHARS);
const label = z.union(
  [
    labelText,
    z.strictObject({
      label: labelText,
      description: lineField(MAX_LABEL_DESCRIPTION_CHARS).optional(),
    }),
  ],
  'expected a label or {"label": "...", "description": "..."}',
);

const { model, strict } = taskFields;
const body = z
  .looseObject({
    ...{ model, strict },
    text: textField,
    labels: z
      .array(label)
      .min(1)
      .max(MAX_LABELS)
      .transform((labels): Label[] =>
        labels.map((one) => (typeof one === 'string' ? { label: one } : one)),
      ),
    instruction: someText(MAX_INSTRUCTION_CHARS).optional(),
    multi_label: z.boolean().default(false),
    calibrate: z.boolean().default(true),
  })
  .superRefine(({ labels, multi_label: isMulti }, context) => {
    const refuse = (path: (string | number)[], message: string): void =>
      context.addIssue({ code: 'custom', path, message });
    const names = labels.map((one) => one.label.trim());
    const twice = names.findIndex((name, i) => names.indexOf(name) < i);
    if (twice >= 0) refuse(['labels', twice], 'expected a label that is not there yet');
    if (names.length < 2 && !isMulti)
      refuse(['labels'], 'expected at least 2 labels, or "multi_label": true');
  })
  .meta({ id: 'ClassifyRequest' });

const answer = z
  .strictObject({
    object: z.literal('task.classify'),
    model: z.string(),
    label: z.string().nullable().describe('the likeliest; with multi_label null when none applies'),
    labels: z
      .array(
        z.strictObject({
          label: z.string(),
          probability: z.number().min(0).max(1),
          uncalibrated: z.number().min(0).max(1).describe("the model's own, before calibration"),
          prior: z.number().min(0).max(1).describe('for texts that say nothing'),
          applies: z
            .boolean()
            .describe('with multi_label: more likely than not; else the likeliest'),
        }),
      )
      .describe('in the order of the request; probabilities sum to one without multi_label'),
    chunks: chunkCount,
    ...taskEnd,
  })
  .meta({ id: 'Classification' });

export const classify = defineTask({
  ...{ name: 'classify', body, answer },
  run: (taskModel, wish) => inOnePiece(run(taskModel, wish)),
});

type Body = z.output<typeof body>;

/** One choice: what is asked of a text, and what may be answered. */
interface Question {
  readonly prompt: (text: string) => TaskPrompt;
  readonly answers: readonly string[];
}

interface Estimate {
  readonly raw: readonly number[];
  readonly prior: readonly number[];
  readonly probabilities: readonly number[];
}

async function run(taskModel: TaskModel, wish: Body): Promise<object> {
  const { labels } = wish;
  const questions = wish.multi_label ? labels.map((one) => appliesTo(one, wish)) : [oneOf(wish)];
  const chunks = chunksFor(taskModel, questions, wish.text);
  const estimates = await estimateEach(taskModel, questions, chunks, wish.calibrate);
  const rows = labels.map(({ label: name }, i) => {
    // "Yes" is the first answer to a question of its own.
    const estimate = wish.multi_label ? estimates[i]! : estimates[0]!;
    const at = wish.multi_label ? 0 : i;
    return {
      label: name,
      probability: estimate.probabilities[at]!,
      uncalibrated: estimate.raw[at]!,
      prior: estimate.prior[at]!,
    };
  });
  const best = rows.reduce((a, b) => (b.probability > a.probability ? b : a));
  const applies = (row: typeof best): boolean =>
    wish.multi_label ? row.probability > 0.5 : row === best;
  return {
    label: applies(best) ? best.label : null,
    labels: rows.map((row) => ({ ...row, applies: applies(row) })),
    chunks: chunks.length,
  };
}

function oneOf({ labels, instruction }: Body): Question {
  return {
    answers: labels.map((one) => one.label),
    prompt: (text) => ({ messages: classifyPrompt(text, labels, instruction), field: 'text' }),
  };
}

function appliesTo(one: Label, { instruction }: Body): Question {
  return {
    answers: YES_OR_NO,
    prompt: (text) => ({ messages: appliesPrompt(text, one, instruction), field: 'text' }),
  };
}

function chunksFor(taskModel: TaskModel, questions: readonly Question[], text: string): string[] {
  const rooms = questions.map(({ prompt, answers }) => {
    const longest = Math.max(...answers.map((one) => taskModel.countTokens(one)));
    return taskModel.roomFor(prompt(''), longest, LEAST_ROOM);
  });
  return chunksOf(taskModel, text, Math.min(...rooms)).map((span) => textOf(text, span));
}

/** Text by text, so that what the questions have in common is evaluated once. */
async function estimateEach(
  taskModel: TaskModel,
  questions: readonly Question[],
  chunks: readonly string[],
  isCalibrated: boolean,
): Promise<Estimate[]> {
  const texts = [...chunks, ...(isCalibrated ? CONTENT_FREE_TEXTS : [])];
  const rows: number[][][] = questions.map(() => []);
  for (const text of texts)
    for (const [q, question] of questions.entries())
      rows[q]!.push(await answerProbabilities(taskModel, question, text));
  const weights = chunks.map((chunk) => taskModel.countTokens(chunk));
  return rows.map((row, q) => {
    const nAnswer = questions[q]!.answers.length;
    const ofChunks = row.slice(0, chunks.length);
    const prior = isCalibrated
      ? weightedMean(row.slice(chunks.length))
      : Array.from({ length: nAnswer }, () => 1 / nAnswer);
    const calibrated = ofChunks.map((one) => calibrate(one, prior));
    return {
      raw: weightedMean(ofChunks, weights),
      prior,
      probabilities: weightedMean(calibrated, weights),
    };
  });
}

/** Of each answer, by the mean log-probability of its tokens; they sum to one. */
async function answerProbabilities(
  taskModel: TaskModel,
  { prompt, answers }: Question,
  text: string,
): Promise<number[]> {
  const ids = taskModel.encode(prompt(text));
  const scores: number[] = [];
  // One after the other: each finds the prompt in the cache.
  for (const one of answers) {
    const tokens = taskModel.host.model.tokenizer.encode(one, { special: false });
    scores.push(mean(await taskModel.score(ids, tokens, 'text')));
  }
  return softmax(scores);
}
