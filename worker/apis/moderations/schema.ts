/** POST /v1/moderations: OpenAI's body, and those of its categories that the classifier knows. */
import { z } from 'zod';
import { modelField, strictField } from '../../serving/fields/common.ts';

/** Most images of a request, which get one result together, as with OpenAI. */
export const MAX_MODERATED_IMAGES = 4;
const MAX_TEXT_CHARS = 100_000;
const MAX_PARTS = 64;

const imagePart = z.strictObject({
  type: z.literal('image_url'),
  image_url: z.strictObject({ url: z.string().min(1) }),
});
const textPart = z.strictObject({ type: z.literal('text'), text: z.string().max(MAX_TEXT_CHARS) });

export const moderationBodySchema = z
  .looseObject({
    model: modelField,
    input: z.union([
      z.string().max(MAX_TEXT_CHARS),
      z.array(z.string().max(MAX_TEXT_CHARS)).min(1).max(64),
      z
        .array(z.discriminatedUnion('type', [imagePart, textPart]))
        .min(1)
        .max(MAX_PARTS),
    ]),
    threshold: z.number().min(0).max(1).default(0.8),
    strict: strictField,
  })
  .meta({ id: 'ModerationRequest' });

export const moderationSchema = z
  .strictObject({
    id: z.string(),
    model: z.string(),
    results: z.array(
      z.strictObject({
        flagged: z.boolean(),
        categories: z.strictObject({ sexual: z.boolean() }),
        category_scores: z.strictObject({ sexual: z.number() }),
        category_applied_input_types: z.strictObject({ sexual: z.array(z.literal('image')) }),
      }),
    ),
  })
  .meta({ id: 'Moderation' });
