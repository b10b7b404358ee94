/** POST /classify, in vLLM's shape. */
import { z } from 'zod';
import { defineEndpoint } from '../../http/endpoint.ts';
import { classifyTexts } from '../../serving/classification/classify-texts.ts';
import { MAX_TEXT_CHARS, MAX_TEXTS } from '../../serving/embedding/embedded-texts.ts';
import type { EncoderInput } from '../../serving/embedding/text-ids.ts';
import { count, modelField, strictField } from '../../serving/fields/common.ts';
import { userField } from '../../serving/fields/passive.ts';

/** More ids than any encoder reads; the model's own limit refuses longer inputs by its number. */
const MAX_INPUT_IDS = 32_768;

const text = z.string().max(MAX_TEXT_CHARS);
const ids = z.array(count.min(0)).min(1).max(MAX_INPUT_IDS);
const input = z.union(
  [text, ids, z.array(text).min(1).max(MAX_TEXTS), z.array(ids).min(1).max(MAX_TEXTS)],
  `expected a text, token ids, or 1 to ${MAX_TEXTS} of either`,
);
type Input = z.output<typeof input>;

export const vllmClassify = defineEndpoint({
  name: 'vllmClassify',
  method: 'POST',
  path: '/v1/classify',
  tag: 'retrieval',
  scope: 'embeddings',
  summary: "Classify texts by a model's own classes, in vLLM's format",
  description:
    'Models with classes are those that were imported from files that name them, and text-moderation-1, which is always ' +
    'there and answers without a "model": its classes are hate and offensive, of which a text may have both or none, and ' +
    '"label" is null where it has none. "probs" are in the order of the classes. For labels of the request: POST ' +
    '/v1/tasks/classify.',
  body: z.looseObject({ model: modelField, input, user: userField, strict: strictField }).meta({
    id: 'ClassificationRequest',
  }),
  responses: [
    {
      status: 200,
      what: 'the class of each text',
      schema: z
        .strictObject({
          ...{ id: z.string(), object: z.literal('list'), created: count, model: z.string() },
          data: z.array(
            z.strictObject({
              index: count,
              label: z.string().nullable(),
              probs: z.array(z.number()),
              num_classes: count,
            }),
          ),
          usage: z.strictObject({
            prompt_tokens: count,
            total_tokens: count,
            completion_tokens: count,
            prompt_tokens_details: z.null(),
          }),
        })
        .meta({ id: 'Classified' }),
    },
  ],
  examples: [
    { title: 'Two texts', body: { input: ['Is this fine?', 'And this?'] } },
    { title: 'An unknown model', body: { model: 'nothing', input: 'the sea' }, status: 404 },
  ],
  async handle({ env, caller, body, client, record }) {
    const { modelId, texts, nToken } = await classifyTexts(env, caller, {
      model: body.model,
      inputs: inputsOf(body.input),
      nameOf: (index) => (isList(body.input) ? `input[${index}]` : 'input'),
      client,
    });
    record.modelId = modelId;
    const data = texts.map(({ label, probs }, index) => ({
      ...{ index, label, probs, num_classes: probs.length },
    }));
    return Response.json({
      ...{ id: `classify-${crypto.randomUUID().replaceAll('-', '')}`, object: 'list' },
      ...{ created: Math.floor(Date.now() / 1000), model: modelId, data },
      usage: {
        ...{ prompt_tokens: nToken, total_tokens: nToken, completion_tokens: 0 },
        prompt_tokens_details: null,
      },
    });
  },
});

/** Whether the input is a list of inputs, and not one text or its ids. */
function isList(asked: Input): boolean {
  return typeof asked !== 'string' && typeof asked[0] !== 'number';
}

function inputsOf(asked: Input): readonly EncoderInput[] {
  return isList(asked) ? (asked as EncoderInput[]) : [asked as EncoderInput];
}
