/** Vector stores in OpenAI's shapes. */
import { z } from 'zod';
import { count, metadataField, modelField, strictField } from '../../serving/fields/common.ts';
import { filtersField, rankingField, resultCount } from '../../serving/fields/file-search.ts';
import { metadataSchema } from '../retrieval/object/filter.ts';
import type { RefusedParameter } from '../../http/body/refused.ts';

/** Files are read and embedded before the answer: more are added one by one. */
export const MAX_NEW_FILES = 20;
const MAX_NAME_CHARS = 256;
const MAX_ATTRIBUTES = 16;
const MAX_ATTRIBUTE_CHARS = 512;
/** Tokens of a passage: OpenAI's smallest, and the most that encoders read. */
const CHUNK_TOKENS = { min: 100, max: 512 } as const;
const MAX_QUERIES = 4;
const MAX_QUERY_CHARS = 10_000;

const attributes = metadataSchema
  .refine(
    (fields) => Object.keys(fields).length <= MAX_ATTRIBUTES,
    `expected at most ${MAX_ATTRIBUTES} attributes`,
  )
  .refine(
    (fields) => Object.values(fields).every((one) => String(one).length <= MAX_ATTRIBUTE_CHARS),
    `expected values of at most ${MAX_ATTRIBUTE_CHARS} characters`,
  );

const chunking = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('auto') }),
  z.looseObject({
    type: z.literal('static'),
    static: z.looseObject({
      max_chunk_size_tokens: count.min(CHUNK_TOKENS.min).max(CHUNK_TOKENS.max),
      chunk_overlap_tokens: z.literal(0, 'expected 0: passages do not overlap').default(0),
    }),
  }),
]);

const fileId = z.string().min(1).max(80);
const name = z.string().max(MAX_NAME_CHARS);

export const vectorStoreBodySchema = z
  .looseObject({
    name: name.optional(),
    description: z.string().max(1000).optional(),
    file_ids: z.array(fileId).max(MAX_NEW_FILES).optional(),
    metadata: metadataField.optional(),
    chunking_strategy: chunking.optional(),
    model: modelField,
    strict: strictField,
  })
  .meta({ id: 'VectorStoreRequest' });

export const updateVectorStoreSchema = z
  .looseObject({
    name: name.optional(),
    metadata: metadataField.optional(),
    strict: strictField,
  })
  .meta({ id: 'VectorStoreUpdateRequest' });

export const STORE_REFUSED: readonly RefusedParameter[] = [{ name: 'expires_after' }];

export const storeFileBodySchema = z
  .looseObject({
    file_id: fileId,
    attributes: attributes.optional(),
    strict: strictField,
  })
  .meta({ id: 'VectorStoreFileRequest' });
export const STORE_FILE_REFUSED: readonly RefusedParameter[] = [
  {
    name: 'chunking_strategy',
    passes: {
      text: '{"type": "auto"}',
      test: (value) => (value as { type?: unknown } | null)?.type === 'auto',
    },
    why: 'is set when the vector store is created; expected it to be absent or {"type": "auto"}',
  },
];

export const attributesBodySchema = z
  .looseObject({ attributes, strict: strictField })
  .meta({ id: 'VectorStoreAttributesRequest' });

const query = z.string().min(1).max(MAX_QUERY_CHARS);
export const searchStoreSchema = z
  .looseObject({
    query: z
      .union([query, z.array(query).min(1).max(MAX_QUERIES)], 'expected a text, or up to 4')
      .transform((given) => [given].flat()),
    filters: filtersField,
    max_num_results: resultCount.default(10),
    ranking_options: rankingField,
    strict: strictField,
  })
  .meta({ id: 'VectorStoreSearchRequest' });
export const SEARCH_REFUSED: readonly RefusedParameter[] = [
  { name: 'rewrite_query', passes: { text: 'false', test: (value) => value === false } },
];

export const vectorStoreSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('vector_store'),
    created_at: count,
    name: z.string(),
    description: z.string().optional(),
    usage_bytes: count,
    file_counts: z.strictObject({
      in_progress: count,
      completed: count,
      failed: count,
      cancelled: count,
      total: count,
    }),
    status: z.literal('completed'),
    expires_at: z.null(),
    last_active_at: count,
    metadata: z.record(z.string(), z.string()),
  })
  .meta({ id: 'VectorStore' });
export type VectorStoreJson = z.output<typeof vectorStoreSchema>;

export const storeFileSchema = z
  .strictObject({
    id: z.string(),
    object: z.literal('vector_store.file'),
    created_at: count,
    vector_store_id: z.string(),
    usage_bytes: count,
    status: z.enum(['completed', 'failed']),
    last_error: z
      .strictObject({ code: z.enum(['server_error', 'invalid_file']), message: z.string() })
      .nullable(),
    attributes: metadataSchema,
  })
  .meta({ id: 'VectorStoreFile' });
export type StoreFileJson = z.output<typeof storeFileSchema>;

export const storeResultsSchema = z
  .strictObject({
    object: z.literal('vector_store.search_results.page'),
    search_query: z.array(z.string()),
    data: z.array(
      z.strictObject({
        file_id: z.string(),
        filename: z.string(),
        score: z.number().describe('cosine of query and passage; 0 for negative ones'),
        attributes: metadataSchema,
        content: z.array(z.strictObject({ type: z.literal('text'), text: z.string() })),
      }),
    ),
    has_more: z.literal(false),
    next_page: z.null(),
  })
  .meta({ id: 'VectorStoreResults' });
export type StoreResult = z.output<typeof storeResultsSchema>['data'][number];
