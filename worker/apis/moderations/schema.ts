/** POST /v1/moderations: OpenAI's body, and those of its categories that the classifiers know, with one of our own. */
import { z } from 'zod';
import { modelField, strictField } from '../../serving/fields/common.ts';

/** Most images of a request, which get one result together, as with OpenAI. */
export const MAX_MODERATED_IMAGES = 4;
/** All texts of a request together: less than a tenth of a second. */
export const MAX_MODERATED_CHARS = 100_000;
const MAX_PARTS = 64;

const imagePart = z.strictObject({
  type: z.literal('image_url'),
  image_url: z.strictObject({ url: z.string().min(1) }),
});
const text = z.string().max(MAX_MODERATED_CHARS);
const textPart = z.strictObject({ type: z.literal('text'), text });

export const moderationBodySchema = z
  .looseObject({
    model: modelField,
    input: z.union([
      text,
      z.array(text).min(1).max(MAX_PARTS),
      z
        .array(z.discriminatedUnion('type', [imagePart, textPart]))
        .min(1)
        .max(MAX_PARTS),
    ]),
    /** Score from which a category is flagged; each category's own by default. */
    threshold: z.number().min(0).max(1).optional(),
    strict: strictField,
  })
  .meta({ id: 'ModerationRequest' });

/** OpenAI's categories, which its clients expect in every result, and one of our own. */
export const CATEGORIES = [
  ...(['hate', 'hate/threatening', 'harassment', 'harassment/threatening'] as const),
  ...(['illicit', 'illicit/violent', 'self-harm', 'self-harm/intent'] as const),
  ...(['self-harm/instructions', 'sexual', 'sexual/minors', 'violence'] as const),
  ...(['violence/graphic', 'offensive'] as const),
] as const;

const perCategory = <Schema extends z.ZodType>(schema: Schema) =>
  z.strictObject(
    Object.fromEntries(CATEGORIES.map((name) => [name, schema])) as Record<
      (typeof CATEGORIES)[number],
      Schema
    >,
  );

export const moderationSchema = z
  .strictObject({
    id: z.string(),
    model: z.string(),
    results: z.array(
      z.strictObject({
        flagged: z.boolean(),
        categories: perCategory(z.boolean()),
        category_scores: perCategory(z.number()),
        category_applied_input_types: perCategory(z.array(z.enum(['image', 'text']))).describe(
          'what each category was judged by; nothing where no classifier knows the category',
        ),
      }),
    ),
  })
  .meta({ id: 'Moderation' });
