/** Schemas of bodies and answers of collections. */
import { redactField } from '../../serving/redaction/redact-request.ts';
import { z } from 'zod';
import { MAX_DOCUMENT_CHARS } from '../../documents/limits.ts';
import { DOCUMENT_TYPES, isEncoded } from './documents/open-document.ts';
import { filterSchema, metadataSchema } from './object/filter.ts';
import { SEARCH_MODES } from './object/search.ts';
import { NAME_PATTERN } from './collection.ts';
import { count, modelField, strictField } from '../../serving/fields/common.ts';
import { checkField, DEFAULT_CHECK } from '../../serving/grounding/policy.ts';
import { locationSchema } from '../../serving/fields/location.ts';
import { imageField } from '../../serving/vision/fields.ts';
import { refuseAt, whole } from '../../serving/fields/refuse-at.ts';

export const MAX_DOCUMENTS = 256;
/** Of a file in base64: what a body holds. */
const MAX_CONTENT_CHARS = 4 * 1024 * 1024;
const MAX_CAPTION_CHARS = 4000;
const MAX_QUERY_CHARS = 10_000;
export const MAX_TOP_K = 100;
const DEFAULT_TOP_K = 10;
/** Fewer tokens say too little; most models cut more. */
const CHUNK_TOKENS = { min: 16, max: 512, default: 128 } as const;

const name = z
  .string()
  .regex(
    NAME_PATTERN,
    'expected 1 to 63 lower-case letters, digits, "-" or "_", starting with a letter or digit',
  );

export const createCollectionSchema = z
  .looseObject({
    name,
    model: modelField,
    chunk_tokens: count.min(CHUNK_TOKENS.min).max(CHUNK_TOKENS.max).default(CHUNK_TOKENS.default),
    strict: strictField,
  })
  .meta({ id: 'CreateCollectionRequest' });

export const documentId = z
  .string()
  .regex(/^[^\p{Cc}]{1,200}$/u, 'expected 1 to 200 characters without control characters');

/** What a picture shows, in words; longer ones are cut where the model's limit is. */
export const captionField = z.string().trim().min(1).max(MAX_CAPTION_CHARS).optional();

export const addDocumentsSchema = z
  .looseObject({
    documents: z
      .array(
        z.looseObject({
          id: documentId,
          content: z
            .string()
            .max(MAX_CONTENT_CHARS)
            .describe(
              `text of at most ${MAX_DOCUMENT_CHARS} characters; the bytes in base64 of a PDF, DOCX or EPUB file, or of a picture`,
            ),
          content_type: z.enum(DOCUMENT_TYPES).default('text/plain'),
          caption: captionField.describe('of a picture, what it shows'),
          metadata: metadataSchema.default({}),
        }),
      )
      .min(1)
      .max(MAX_DOCUMENTS),
    redact: redactField,
    strict: strictField,
  })
  .superRefine(
    whole(({ documents }, context) => {
      const seen = new Set<string>();
      for (const [i, { id, content, content_type }] of documents.entries()) {
        if (content.length > MAX_DOCUMENT_CHARS && !isEncoded(content_type))
          refuseAt(
            context,
            ['documents', i, 'content'],
            `expected at most ${MAX_DOCUMENT_CHARS} characters`,
          );
        if (seen.has(id))
          refuseAt(
            context,
            ['documents', i, 'id'],
            'expected an id that no other document of the request has',
          );
        seen.add(id);
      }
    }),
  )
  .meta({ id: 'AddDocumentsRequest' });

const query = z.string().min(1).max(MAX_QUERY_CHARS);
const searchFields = {
  mode: z.enum(SEARCH_MODES).default('hybrid'),
  top_k: count.min(1).max(MAX_TOP_K).default(DEFAULT_TOP_K),
  filter: filterSchema.optional(),
  rerank: z
    .union(
      [z.literal(false), modelField.unwrap()],
      'expected the id of a model that ranks, or false',
    )
    .optional(),
};

export const searchSchema = z
  .looseObject({
    query: query.optional(),
    image: imageField.optional().describe('a picture to search by, in place of a query'),
    ...searchFields,
    strict: strictField,
  })
  .superRefine(
    whole(({ query: words, image, mode, rerank }, context) => {
      if ((words === undefined) === (image === undefined))
        refuseAt(context, ['query'], 'expected either a query or an "image"');
      if (image !== undefined && mode === 'text')
        refuseAt(context, ['mode'], 'expected "vector" or "hybrid" with "image"');
      if (image !== undefined && rerank !== undefined && rerank !== false)
        refuseAt(
          context,
          ['rerank'],
          'expected false with "image", since there are no words to rank by',
        );
    }),
  )
  .meta({ id: 'SearchRequest' });

/** Field of a chat request. */
export const retrievalField = z
  .strictObject({
    collection: name,
    ...searchFields,
    top_k: count.min(1).max(20).default(4),
    query: query.optional(),
    check: checkField.default(DEFAULT_CHECK),
  })
  .optional();
export type Retrieval = NonNullable<z.output<typeof retrievalField>>;

export const collectionSchema = z
  .strictObject({
    object: z.literal('collection'),
    name: z.string(),
    model: z.string(),
    dimensions: count,
    chunk_tokens: count,
    created_at: count,
    documents: count,
    chunks: count,
  })
  .meta({ id: 'Collection' });

export const documentSchema = z
  .strictObject({
    object: z.literal('collection.document'),
    id: z.string(),
    metadata: metadataSchema,
    characters: count,
    chunks: count,
    created_at: count,
  })
  .meta({ id: 'CollectionDocument' });

export const addedSchema = z.strictObject({
  object: z.literal('list'),
  data: z.array(
    z.strictObject({
      id: z.string(),
      status: z.enum(['added', 'replaced', 'failed']),
      chunks: count,
      error: z.strictObject({ code: z.string(), message: z.string() }).optional(),
    }),
  ),
  failed: count.describe('number of documents that are not in the collection'),
});

export const searchResultSchema = z
  .strictObject({
    document: z.string(),
    chunk: count,
    start: count.describe('position in the document as it was sent, in UTF-16 units'),
    end: count,
    heading: z.string(),
    text: z.string(),
    location: locationSchema,
    metadata: metadataSchema,
    score: z.number(),
    vector_score: z.number().nullable(),
    text_score: z.number().nullable(),
    rerank_score: z.number().nullable(),
  })
  .meta({ id: 'SearchResult' });
