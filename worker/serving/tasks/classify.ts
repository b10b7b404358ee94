/**
 * Classifies a text by how likely the model finds each label as its answer. Nothing
 * is generated: a label's score is the mean log-probability of its tokens after the prompt,
 * calibrated by the model's answers to texts without content.
 */
import { z } from 'zod';
import {
  MAX_INSTRUCTION_CHARS,
  lineField,
  chunkCount,
  someText,
  taskAnswer,
  taskFields,
  textField,
} from './fields.ts';
import { textOf } from '../../../engine/text/chunk-text.ts';
import { calibrate, calibrateEach, meanRow, normalize } from './label-scores.ts';
import { classifyPrompt, type Label } from './prompts/classify.ts';
import { CONTENT_FREE_TEXTS } from './prompts/content-free.ts';
import { chunksOf, defineWholeTask } from './task.ts';
import { mean, type TaskModel, type TaskPrompt } from './task-model.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { imageField } from '../vision/fields.ts';
import { refuseAt, whole } from '../fields/refuse-at.ts';

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
    text: textField.optional(),
    image: imageField
      .optional()
      .describe(
        'a picture in place of a text; its model is an embedding model with an image tower',
      ),
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
  .superRefine(
    whole(({ text, image, labels, multi_label: isMulti, calibrate: isCalibrated }, context) => {
      const refuse = (path: (string | number)[], message: string): void =>
        refuseAt(context, path, message);
      if ((text === undefined) === (image === undefined))
        refuse(['text'], 'expected either a text or an "image"');
      const names = labels.map((one) => one.label.trim());
      const twice = names.findIndex((name, i) => names.indexOf(name) < i);
      if (twice >= 0) refuse(['labels', twice], 'expected a label that is not there yet');
      if (names.length < 2 && !isMulti)
        refuse(['labels'], 'expected at least 2 labels, or "multi_label": true');
      if (isMulti && !isCalibrated)
        refuse(['calibrate'], 'expected true with "multi_label", which compares with the prior');
    }),
  )
  .meta({ id: 'ClassifyRequest' });

const answer = taskAnswer('classify', {
  label: z
    .string()
    .nullable()
    .describe('the most likely one; with multi_label, null when none applies'),
  labels: z
    .array(
      z.strictObject({
        label: z.string(),
        probability: z.number().min(0).max(1),
        likelihood: z.number().min(0).max(1).describe('before calibration'),
        prior: z.number().min(0).max(1).describe('its likelihood after texts without content'),
        applies: z
          .boolean()
          .describe(
            'with multi_label, whether its probability is above 0.5; else whether it is the most likely',
          ),
      }),
    )
    .describe('in the order of the request; without multi_label, each kind of number sums to one'),
  chunks: chunkCount,
}).meta({ id: 'Classification' });

export const classify = defineWholeTask({ name: 'classify', body, answer, run });

type Body = z.output<typeof body>;

/** Of a text. @throws {EngineError} E_REQUEST_INVALID without one: pictures are classified elsewhere (classify-picture.ts) */
async function run(taskModel: TaskModel, request: Body): Promise<object> {
  const { text, labels, multi_label: isMulti } = request;
  if (text === undefined) throw invalidField('text', 'expected a text');
  const chunks = await chunksFor(taskModel, text, request);
  const ofChunks = await likelihoodsOf(taskModel, request, chunks);
  const prior = request.calibrate
    ? meanRow(await likelihoodsOf(taskModel, request, CONTENT_FREE_TEXTS))
    : labels.map(() => 1 / labels.length);
  const weights = chunks.map((chunk) => taskModel.countTokens(chunk));
  const correct = isMulti ? calibrateEach : calibrate;
  const likelihoods = meanRow(ofChunks, weights);
  const probabilities = meanRow(
    ofChunks.map((row) => correct(row, prior)),
    weights,
  );
  const best = probabilities.indexOf(Math.max(...probabilities));
  const applies = (i: number): boolean => (isMulti ? probabilities[i]! > 0.5 : i === best);
  return {
    label: applies(best) ? labels[best]!.label : null,
    labels: labels.map(({ label: name }, i) => ({
      label: name,
      probability: probabilities[i],
      likelihood: likelihoods[i],
      prior: prior[i],
      applies: applies(i),
    })),
    chunks: chunks.length,
  };
}

async function chunksFor(taskModel: TaskModel, text: string, request: Body): Promise<string[]> {
  const longest = Math.max(...request.labels.map((one) => taskModel.countTokens(one.label)));
  const room = taskModel.roomFor(promptOf('', request), longest, LEAST_ROOM);
  const spans = await chunksOf(taskModel, text, room);
  return spans.map((span) => textOf(text, span));
}

/**
 * [texts][labels]: e to the mean log-probability of the label's tokens; unless labels are independent,
 * normalized to sum to one for each text.
 */
async function likelihoodsOf(
  taskModel: TaskModel,
  request: Body,
  texts: readonly string[],
): Promise<number[][]> {
  const { tokenizer } = taskModel.host.model;
  const rows: number[][] = [];
  for (const text of texts) {
    const ids = await taskModel.encode(promptOf(text, request));
    const row: number[] = [];
    // One after the other, so that each finds the prompt in the KV cache.
    for (const { label: name } of request.labels) {
      const tokens = tokenizer.encode(name, { special: false });
      row.push(Math.exp(mean(await taskModel.score(ids, tokens, 'text'))));
    }
    rows.push(request.multi_label ? row : normalize(row));
  }
  return rows;
}

function promptOf(text: string, { labels, instruction }: Body): TaskPrompt {
  return { messages: classifyPrompt(text, labels, instruction), field: 'text' };
}
