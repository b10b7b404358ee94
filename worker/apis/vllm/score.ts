/** POST /score and /pooling, in vLLM's shape. */
import { z } from 'zod';
import { defineEndpoint } from '../../http/endpoint.ts';
import {
  embeddedTexts,
  embedTexts,
  MAX_TEXT_CHARS,
} from '../../serving/embedding/embedded-texts.ts';
import { findEncoder } from '../../serving/embedding/find-encoder.ts';
import { rankDocuments } from '../../serving/embedding/rank.ts';
import { count, modelField, strictField } from '../../serving/fields/common.ts';

const usage = z.strictObject({ prompt_tokens: count, total_tokens: count });
const frame = { id: z.string(), object: z.literal('list'), model: z.string(), usage };

export const vllmScore = defineEndpoint({
  name: 'vllmScore',
  method: 'POST',
  path: '/v1/score',
  tag: 'retrieval',
  scope: 'embeddings',
  summary: 'Score how well texts match a text',
  body: z
    .looseObject({
      model: modelField,
      text_1: z.string().min(1).max(MAX_TEXT_CHARS),
      text_2: embeddedTexts,
      strict: strictField,
    })
    .meta({ id: 'ScoreRequest' }),
  responses: [
    {
      status: 200,
      what: 'a score from 0 to 1 for each text of text_2',
      schema: z
        .strictObject({
          ...frame,
          data: z.array(
            z.strictObject({ index: count, object: z.literal('score'), score: z.number() }),
          ),
        })
        .meta({ id: 'Scores' }),
    },
  ],
  examples: [
    {
      title: 'An unknown model',
      body: { model: 'nothing', text_1: 'the sea', text_2: ['The sea is blue.'] },
      status: 404,
    },
  ],
  async handle({ env, caller, body, client, record }) {
    const { model, ranked, nToken } = await rankDocuments(env, caller, {
      ...{ model: body.model, query: body.text_1, documents: [body.text_2].flat() },
      ...{ truncate: true, client },
    });
    record.modelId = model.id;
    const data = ranked
      .toSorted((a, b) => a.index - b.index)
      .map(({ index, score }) => ({ index, object: 'score', score }));
    return Response.json({
      ...{ id: `score-${crypto.randomUUID()}`, object: 'list', model: model.id, data },
      usage: { prompt_tokens: nToken, total_tokens: nToken },
    });
  },
});

export const vllmPooling = defineEndpoint({
  name: 'vllmPooling',
  method: 'POST',
  path: '/pooling',
  tag: 'retrieval',
  scope: 'embeddings',
  summary: "Embed texts as vectors, in vLLM's format",
  body: z
    .looseObject({ model: modelField, input: embeddedTexts, strict: strictField })
    .meta({ id: 'PoolingRequest' }),
  responses: [
    {
      status: 200,
      what: 'a vector per text',
      schema: z
        .strictObject({
          ...frame,
          data: z.array(
            z.strictObject({
              ...{ index: count, object: z.literal('pooling'), data: z.array(z.number()) },
            }),
          ),
        })
        .meta({ id: 'Pooling' }),
    },
  ],
  examples: [
    { title: 'An unknown model', body: { model: 'nothing', input: 'the sea' }, status: 404 },
  ],
  async handle({ env, caller, body, client, record }) {
    const model = await findEncoder(env, body.model, caller);
    record.modelId = model.id;
    const asked = { texts: body.input, field: 'input', client };
    const { vectors, nToken } = await embedTexts(env, caller, model, asked);
    return Response.json({
      ...{ id: `pool-${crypto.randomUUID()}`, object: 'list', model: model.id },
      data: vectors.map((data, index) => ({ index, object: 'pooling', data: [...data] })),
      usage: { prompt_tokens: nToken, total_tokens: nToken },
    });
  },
});
