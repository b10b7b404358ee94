/** Bodies and answers in Cohere's shape (https://docs.cohere.com/reference). */
import { z } from 'zod';
import { MAX_EMBEDDING_INPUTS } from '../embeddings/schema.ts';
import { count, modelField, strictField } from '../../serving/fields/common.ts';

const MAX_DOCUMENTS = 1000;
const meta = z.strictObject({
  api_version: z.strictObject({ version: z.literal('2') }),
  billed_units: z.record(z.string(), count),
});

export const cohereRerankBody = z
  .looseObject({
    model: modelField,
    query: z.string().min(1).max(100_000),
    documents: z.array(z.string()).min(1).max(MAX_DOCUMENTS),
    top_n: count.min(1).optional(),
    strict: strictField,
  })
  .meta({ id: 'CohereRerankRequest' });

export const cohereRerankSchema = z
  .strictObject({
    id: z.string(),
    results: z.array(z.strictObject({ index: count, relevance_score: z.number() })),
    meta,
  })
  .meta({ id: 'CohereRerank' });

const INPUT_TYPES = {
  search_query: 'query',
  search_document: 'document',
  classification: undefined,
  clustering: undefined,
} as const;
const inputTypes = ['search_query', 'search_document', 'classification', 'clustering'] as const;

/** Which of the model's prefixes a type of input has. */
export function inputTypeOf(type: (typeof inputTypes)[number] | undefined) {
  return type === undefined ? undefined : INPUT_TYPES[type];
}

export const cohereEmbedBody = z
  .looseObject({
    model: modelField,
    texts: z.array(z.string()).min(1).max(MAX_EMBEDDING_INPUTS),
    input_type: z.enum(inputTypes).optional(),
    embedding_types: z
      .array(z.literal('float', 'expected "float"; other types are not made'))
      .optional(),
    output_dimension: count.min(1).optional(),
    truncate: z.enum(['NONE', 'END'], 'expected "NONE" or "END"').default('END'),
    strict: strictField,
  })
  .meta({ id: 'CohereEmbedRequest' });

export const cohereEmbedSchema = z
  .strictObject({
    id: z.string(),
    embeddings: z.strictObject({ float: z.array(z.array(z.number())) }),
    texts: z.array(z.string()),
    meta,
  })
  .meta({ id: 'CohereEmbed' });

/** @param units what would be billed by its name */
export function metaJson(units: Readonly<Record<string, number>>): z.output<typeof meta> {
  return { api_version: { version: '2' }, billed_units: units };
}
