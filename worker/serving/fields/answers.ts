/** Schemas of answers in OpenAI's shapes, for /openapi.json and for tests. */
import { z } from 'zod';
import { imagesSchema } from '../vision/fields.ts';
import { locationSchema } from './location.ts';

const count = z.number().int().nonnegative();
const finishReason = z.enum(['stop', 'length', 'content_filter']);
const chatFinishReason = z.enum(['stop', 'length', 'tool_calls', 'content_filter']);
const callFunction = z.strictObject({ name: z.string(), arguments: z.string() });
const toolCall = z.strictObject({
  id: z.string(),
  type: z.literal('function'),
  function: callFunction,
});
const callInput = z.strictObject({ name: z.string(), input: z.string() });
const customCall = z.strictObject({
  id: z.string(),
  type: z.literal('custom'),
  custom: callInput,
});
const toolCallDelta = z.strictObject({
  index: count,
  id: z.string().optional(),
  type: z.enum(['function', 'custom']).optional(),
  function: callFunction.partial().optional(),
  custom: callInput.partial().optional(),
});

export const usageSchema = z
  .strictObject({
    prompt_tokens: count,
    completion_tokens: count,
    total_tokens: count,
    prompt_tokens_details: z.strictObject({
      cached_tokens: count.describe(
        'tokens of the prompt that were still in memory from earlier requests',
      ),
      cache_write_tokens: count.describe('tokens of the prompt that were evaluated, and are kept'),
    }),
    speculation: z
      .strictObject({ drafted_tokens: count, accepted_tokens: count })
      .describe('extension: drafted tokens, and how many of them were accepted'),
  })
  .meta({ id: 'Usage' });

export const timingsSchema = z
  .strictObject({
    load_ms: z.number(),
    queue_ms: z.number(),
    prefill_ms: z.number(),
    decode_ms: z.number(),
  })
  .meta({ id: 'Timings', description: "extension: milliseconds by the stage's clock" });

export const resourcesSchema = z
  .strictObject({
    weight_bytes_read: count.describe(
      "bytes of the model's weights times passes over them, as if the request ran alone",
    ),
    estimated_usd: z.number().nonnegative(),
    prices_of: z.string().describe('date on which the prices were looked up'),
  })
  .meta({ id: 'Resources', description: "extension: estimate of the platform's charge" });

const topLogprob = z.strictObject({
  token: z.string(),
  logprob: z.number(),
  bytes: z.array(count),
});
export const tokenLogprobSchema = topLogprob
  .extend({ top_logprobs: z.array(topLogprob) })
  .meta({ id: 'TokenLogprob' });
const chatLogprobs = z
  .strictObject({ content: z.array(tokenLogprobSchema), refusal: z.null() })
  .nullable();

const session = z.strictObject({
  id: z.string(),
  dropped_messages: count,
  turn: count
    .optional()
    .describe('number of the answer in the session, from 1; of one that is kept'),
});
const citations = z
  .array(
    z.strictObject({
      index: count.describe('number that cites the passage in the answer, from 1'),
      cited: z.boolean().describe('whether an answer contains [index]'),
      document: z.string(),
      chunk: count,
      start: count.describe('position in the document as it was sent, in UTF-16 units'),
      end: count,
      heading: z.string(),
      text: z.string(),
      location: locationSchema,
      score: z.number(),
    }),
  )
  .meta({ id: 'Citations', description: 'extension: the passages that the model was given' });
const verdict = z.enum(['supported', 'contradicted', 'unsupported']);
export const claimSchema = z.strictObject({
  choice: count,
  start: count.describe(
    "place in the choice's content, in UTF-16 units; empty for what was left out",
  ),
  end: count,
  verdict,
  action: z.enum(['kept', 'quoted', 'dropped']),
  said: z.string().describe('what the model wrote'),
  facts: z.array(
    z.strictObject({
      text: z.string(),
      kind: z.enum(['quantity', 'time', 'date', 'code', 'address', 'name']),
      verdict,
    }),
  ),
  sources: z.array(
    z.strictObject({
      index: count.describe('number of the passage in citations'),
      document: z.string(),
      start: count.describe('position in the document as it was sent, in UTF-16 units'),
      end: count,
      text: z.string(),
      location: locationSchema,
    }),
  ),
});
const claims = z.array(claimSchema).meta({
  id: 'Claims',
  description:
    'extension: sentences of the answer, and which sentences of the passages support them',
});
const chatHead = { id: z.string(), created: count, model: z.string() };

const promptToken = z.strictObject({
  logprob: z.number(),
  rank: count.nullable(),
  decoded_token: z.string(),
});

export const chatCompletionSchema = z
  .strictObject({
    ...chatHead,
    object: z.literal('chat.completion'),
    choices: z.array(
      z.strictObject({
        index: count,
        message: z.strictObject({
          role: z.literal('assistant'),
          content: z.string().nullable(),
          refusal: z.null(),
          tool_calls: z.array(z.discriminatedUnion('type', [toolCall, customCall])).optional(),
        }),
        logprobs: chatLogprobs,
        finish_reason: chatFinishReason,
      }),
    ),
    usage: usageSchema,
    timings: timingsSchema,
    resources: resourcesSchema,
    prompt_logprobs: z
      .array(z.record(z.string(), promptToken).nullable())
      .optional()
      .describe('with "prompt_logprobs": tokens of the prompt by their ids, as in vLLM'),
    images: imagesSchema.optional(),
    citations: citations.optional(),
    claims: claims.optional(),
    session: session.optional(),
  })
  .meta({ id: 'ChatCompletion' });

export const chatChunkSchema = z
  .strictObject({
    ...chatHead,
    object: z.literal('chat.completion.chunk'),
    choices: z.array(
      z.strictObject({
        index: count,
        delta: z.strictObject({
          role: z.literal('assistant').optional(),
          content: z.string().nullable().optional(),
          refusal: z.null().optional(),
          tool_calls: z.array(toolCallDelta).optional(),
        }),
        logprobs: chatLogprobs,
        finish_reason: chatFinishReason.nullable(),
      }),
    ),
    usage: usageSchema.nullable().optional(),
    timings: timingsSchema.optional(),
    resources: resourcesSchema.optional(),
    images: imagesSchema.optional(),
    citations: citations.optional(),
    claims: claims.optional(),
    session: session.optional(),
  })
  .meta({ id: 'ChatCompletionChunk' });

const legacyLogprobs = z
  .strictObject({
    tokens: z.array(z.string()),
    token_logprobs: z.array(z.number().nullable()),
    top_logprobs: z.array(z.record(z.string(), z.number()).nullable()),
    text_offset: z.array(count),
  })
  .nullable();
const completionFields = {
  ...chatHead,
  object: z.literal('text_completion'),
  choices: z.array(
    z.strictObject({
      index: count,
      text: z.string(),
      logprobs: legacyLogprobs,
      finish_reason: finishReason.nullable(),
    }),
  ),
};

export const completionSchema = z
  .strictObject({
    ...completionFields,
    usage: usageSchema,
    timings: timingsSchema,
    resources: resourcesSchema,
  })
  .meta({ id: 'Completion' });

export const completionChunkSchema = z
  .strictObject({
    ...completionFields,
    usage: usageSchema.nullable().optional(),
    timings: timingsSchema.optional(),
    resources: resourcesSchema.optional(),
  })
  .meta({ id: 'CompletionChunk' });

export const errorSchema = z
  .strictObject({
    error: z.strictObject({
      message: z.string(),
      type: z.string(),
      param: z.string().nullable().describe('path of the field at fault'),
      code: z.string().describe("OpenAI's code, or where it has none one of docs/errors.md"),
      thimble_code: z.string().optional().describe('extension: the code of docs/errors.md'),
      details: z.record(z.string(), z.unknown()).optional(),
    }),
  })
  .meta({ id: 'Error' });

export const anthropicErrorSchema = z
  .strictObject({
    type: z.literal('error'),
    error: z.strictObject({
      type: z.string(),
      message: z.string(),
      param: z.string().nullable(),
      code: z.string(),
      details: z.record(z.string(), z.unknown()),
    }),
  })
  .meta({ id: 'MessagesError' });

const ollamaErrorSchema = z
  .strictObject({
    error: z.string(),
    param: z.string().nullable(),
    code: z.string(),
    details: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'OllamaError' });

const cohereErrorSchema = z
  .strictObject({
    message: z.string(),
    param: z.string().nullable(),
    code: z.string(),
    details: z.record(z.string(), z.unknown()),
  })
  .meta({ id: 'CohereError' });

/** By the API whose error object an endpoint answers with. */
export const ERROR_SCHEMAS = {
  openai: errorSchema,
  anthropic: anthropicErrorSchema,
  ollama: ollamaErrorSchema,
  cohere: cohereErrorSchema,
};
