/** POST /v1/watermark/detect. */
import { z } from 'zod';
import { EngineError } from '../../../engine/base/errors.ts';
import { scoreWatermark } from '../../../engine/sample/watermark-score.ts';
import { defineEndpoint } from '../../http/endpoint.ts';
import { readWatermarkKey } from '../../platform/watermark-key.ts';
import { modelField, strictField } from '../../serving/fields/common.ts';
import { defaultModelId } from '../../serving/models/model-names.ts';
import { findModel } from '../../serving/models/model-store.ts';

/** About 12,000 tokens: more than enough to be sure, and a small part of a second. */
export const MAX_DETECT_CHARS = 50_000;
/** Share of other texts that are called watermarked. */
const FALSE_POSITIVE_RATE = 0.01;

export const detectWatermark = defineEndpoint({
  name: 'detectWatermark',
  method: 'POST',
  path: '/v1/watermark/detect',
  tag: 'text',
  scope: 'chat',
  summary: "Whether a text carries this deployment's watermark",
  description:
    'Sampled answers of a deployment carry a statistical watermark. This reports how likely as strong a mark is in ' +
    'a text without one (p_value). A short, edited or translated text may have lost it, and greedy answers never ' +
    'had it: false says that no watermark was found, not that people wrote the text (docs/watermark.md).',
  body: z
    .looseObject({
      model: modelField,
      text: z.string().min(1).max(MAX_DETECT_CHARS),
      strict: strictField,
    })
    .meta({ id: 'WatermarkRequest' }),
  responses: [
    {
      status: 200,
      what: 'how sure it is',
      schema: z
        .strictObject({
          object: z.literal('watermark.detection'),
          model: z.string(),
          watermarked: z.boolean(),
          p_value: z.number(),
          z_score: z.number(),
          false_positive_rate: z.number(),
          tokens: z.number().int(),
          tokens_scored: z.number().int(),
        })
        .meta({ id: 'WatermarkDetection' }),
    },
  ],
  examples: [{ title: 'A server without a key', body: { text: 'The sea is blue.' }, status: 404 }],
  async handle({ env, caller, body, record }) {
    const key = await readWatermarkKey(env);
    if (key === null)
      throw new EngineError(
        'E_NOT_FOUND',
        'watermark: this server has no key, so its answers carry none. Set WATERMARK_KEY, or deploy with thimble deploy.',
      );
    const model = await findModel(env.MODELS, body.model ?? (await defaultModelId(env)), caller);
    record.modelId = model.id;
    const tokens = model.tokenizer.encode(body.text, { special: false });
    const { nScored, z: zScore, pValue } = scoreWatermark(key, tokens);
    return Response.json({
      object: 'watermark.detection',
      model: model.id,
      watermarked: pValue < FALSE_POSITIVE_RATE,
      p_value: pValue,
      z_score: zScore,
      false_positive_rate: FALSE_POSITIVE_RATE,
      tokens: tokens.length,
      tokens_scored: nScored,
    });
  },
});
