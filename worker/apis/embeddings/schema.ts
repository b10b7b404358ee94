/** Bodies and answers of embeddings and reranking. */
import { z } from 'zod';
import { RANK_METHODS } from '../../serving/embedding/rank.ts';
import { INPUT_TYPES } from '../../serving/embedding/text-ids.ts';
import { count, modelField, strictField } from '../../serving/fields/common.ts';
import { refuseAt, whole } from '../../serving/fields/refuse-at.ts';
import { MAX_PICTURES } from '../../serving/vision/picture-bytes.ts';
import { redactField } from '../../serving/redaction/redact-request.ts';

/** OpenAI's limit. */
export const MAX_EMBEDDING_INPUTS = 2048;
/** More ids than any encoder reads; the model's own limit refuses longer inputs by its number. */
const MAX_INPUT_IDS = 32_768;
const MAX_DOCUMENTS = 1000;

const ids = z.array(count.min(0)).max(MAX_INPUT_IDS);

/** Parts of content, as in conversations. */
const part = z.union([
  z.looseObject({ type: z.literal('text'), text: z.string() }),
  z.looseObject({
    type: z.literal('image_url'),
    image_url: z.union([z.string(), z.looseObject({ url: z.string() })]),
  }),
]);
export type EmbeddingPart = z.output<typeof part>;
const mixed = z.union([z.string(), part]);
/** How a picture is written, for errors. */
const PICTURE_FORM = '{"type": "image_url", "image_url": {"url": "data:image/png;base64,..."}}';

export const embeddingsBodySchema = z
  .looseObject({
    model: modelField,
    input: z
      .union(
        [
          z.string(),
          z.array(z.string()).min(1),
          ids.min(1),
          z.array(ids).min(1),
          z.array(mixed).min(1),
        ],
        `expected a text, token ids, or 1 to ${MAX_EMBEDDING_INPUTS} of either; texts with pictures, each ${PICTURE_FORM}`,
      )
      .refine(
        (input) => nPicture(input) <= MAX_PICTURES,
        `expected at most ${MAX_PICTURES} pictures`,
      )
      .refine(
        (input) =>
          !Array.isArray(input) ||
          typeof input[0] !== 'object' ||
          input.length <= MAX_EMBEDDING_INPUTS,
        `expected at most ${MAX_EMBEDDING_INPUTS} lists of token ids, or texts and pictures`,
      )
      .refine(
        (input) =>
          !Array.isArray(input) ||
          typeof input[0] !== 'string' ||
          input.length <= MAX_EMBEDDING_INPUTS,
        `expected at most ${MAX_EMBEDDING_INPUTS} texts`,
      ),
    dimensions: count.min(1).optional(),
    encoding_format: z.enum(['float', 'base64']).default('float'),
    input_type: z.enum(INPUT_TYPES).optional(),
    truncate: z.boolean().default(false),
    user: z.string().optional(),
    redact: redactField,
    strict: strictField,
  })
  .superRefine(
    whole(({ input, redact }, context) => {
      const [first] = [input].flat();
      const hasTexts = typeof first === 'string' || (typeof first === 'object' && 'type' in first);
      if (redact !== undefined && redact !== false && !hasTexts)
        refuseAt(context, ['redact'], 'expected texts in "input" with it');
    }),
  )
  .meta({ id: 'EmbeddingsRequest' });
export type EmbeddingsBody = z.output<typeof embeddingsBodySchema>;

/** Pictures of a request are bounded: each is decoded. */
function nPicture(input: unknown): number {
  const isPicture = (one: unknown): boolean =>
    typeof one === 'object' && one !== null && 'type' in one && one.type === 'image_url';
  return [input].flat().filter(isPicture).length;
}

const usage = z.strictObject({
  prompt_tokens: count.describe('a picture counts as 16'),
  total_tokens: count,
  images: count.optional().describe('pictures, where there are any'),
});

export const embeddingsSchema = z
  .strictObject({
    object: z.literal('list'),
    data: z.array(
      z.strictObject({
        object: z.literal('embedding'),
        index: count,
        embedding: z.union([z.array(z.number()), z.string()]),
      }),
    ),
    model: z.string(),
    usage,
  })
  .meta({ id: 'Embeddings' });

export const rerankBodySchema = z
  .looseObject({
    model: modelField,
    query: z.string().min(1).max(100_000),
    documents: z
      .array(z.union([z.string(), z.looseObject({ text: z.string() })]))
      .min(1)
      .max(MAX_DOCUMENTS),
    top_n: count.min(1).optional(),
    return_documents: z.boolean().default(false),
    truncate: z.boolean().default(true),
    method: z.enum(RANK_METHODS).optional(),
    strict: strictField,
  })
  .meta({ id: 'RerankRequest' });

export const rerankSchema = z
  .strictObject({
    model: z.string(),
    method: z
      .enum(RANK_METHODS)
      .describe(
        'cosine of embeddings, cosines of tokens, or a model that reads query and document together',
      ),
    results: z.array(
      z.strictObject({
        index: count,
        relevance_score: z.number(),
        document: z.strictObject({ text: z.string() }).optional(),
      }),
    ),
    usage: z.strictObject({ total_tokens: count }),
  })
  .meta({ id: 'Rerank' });
