/** Bodies and answers in Ollama's shape (https://github.com/ollama/ollama/blob/main/docs/api.md). */
import { z } from 'zod';
import { MAX_EMBEDDING_INPUTS } from '../embeddings/schema.ts';
import { MAX_MESSAGES } from '../chat/schema.ts';
import { count, strictField } from '../../serving/fields/common.ts';
import { jsonSchema, MAX_TOOLS, toolDescription, toolName } from '../../serving/fields/output.ts';
import { visionField } from '../../serving/vision/fields.ts';
import { NO_OPTIONS, optionsSchema } from './options.ts';

/** Names may end in a tag, which every model here has: `:latest`. */
const MAX_NAME_CHARS = 200;
export const nameField = z.string().min(1).max(MAX_NAME_CHARS);

/** Accepted without effect: models stay loaded as long as there is room. */
const passive = {
  keep_alive: z.union([z.string(), z.number()]).optional(),
  think: z.union([z.boolean(), z.string()]).nullish(),
};
const images = z.array(z.string()).nullish();

const format = z
  .union([z.literal(['json', '']), jsonSchema], 'expected "json" or a JSON schema')
  .nullish();

const toolCall = z.looseObject({
  function: z.looseObject({ name: toolName, arguments: z.record(z.string(), z.unknown()) }),
});
const message = z.looseObject({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  content: z.string().default(''),
  images,
  tool_calls: z.array(toolCall).max(MAX_TOOLS).nullish(),
  tool_name: z.string().max(200).nullish(),
  tool_call_id: z.string().max(200).nullish(),
});
export type MessageJson = z.output<typeof message>;

const tool = z.looseObject({
  type: z.literal('function').default('function'),
  function: z.looseObject({
    name: toolName,
    description: toolDescription.nullish(),
    parameters: jsonSchema.nullish(),
  }),
});

const common = {
  model: nameField.optional(),
  stream: z.boolean().default(true),
  format,
  options: optionsSchema.nullish().transform((options) => options ?? NO_OPTIONS),
  ...passive,
  vision: visionField,
  strict: strictField,
};

export const chatBodySchema = z
  .looseObject({
    ...common,
    messages: z.array(message).max(MAX_MESSAGES),
    tools: z.array(tool).max(MAX_TOOLS).nullish(),
  })
  .meta({ id: 'OllamaChatRequest' });
export type ChatBody = z.output<typeof chatBodySchema>;

export const generateBodySchema = z
  .looseObject({
    ...common,
    prompt: z.string().default(''),
    system: z.string().optional(),
    images,
    raw: z.boolean().default(false),
  })
  .meta({ id: 'OllamaGenerateRequest' });
export type GenerateBody = z.output<typeof generateBodySchema>;

const ns = count.min(0);
const ends = {
  done: z.boolean(),
  done_reason: z.enum(['stop', 'length', 'load']).optional(),
  total_duration: ns.optional().describe('nanoseconds, as all durations'),
  load_duration: ns.optional(),
  prompt_eval_count: ns.optional(),
  prompt_eval_duration: ns.optional(),
  eval_count: ns.optional(),
  eval_duration: ns.optional(),
};
const begins = { model: z.string(), created_at: z.string() };

export const chatAnswerSchema = z
  .strictObject({
    ...begins,
    message: z.strictObject({
      role: z.literal('assistant'),
      content: z.string(),
      tool_calls: z.array(z.strictObject({ function: toolCall.shape.function })).optional(),
    }),
    ...ends,
  })
  .meta({ id: 'OllamaChat' });
export type ChatAnswer = z.output<typeof chatAnswerSchema>;

export const generateAnswerSchema = z
  .strictObject({ ...begins, response: z.string(), ...ends })
  .meta({ id: 'OllamaGenerate' });
export type GenerateAnswer = z.output<typeof generateAnswerSchema>;

export const embedBodySchema = z
  .looseObject({
    model: nameField.optional(),
    input: z.union([z.string(), z.array(z.string()).max(MAX_EMBEDDING_INPUTS)]),
    truncate: z.boolean().default(true),
    dimensions: count.min(1).optional(),
    keep_alive: passive.keep_alive,
    options: z.looseObject({}).nullish(),
    strict: strictField,
  })
  .meta({ id: 'OllamaEmbedRequest' });

export const embedAnswerSchema = z
  .strictObject({
    model: z.string(),
    embeddings: z.array(z.array(z.number())),
    total_duration: ns,
    load_duration: ns,
    prompt_eval_count: ns,
  })
  .meta({ id: 'OllamaEmbed' });

const details = z.strictObject({
  parent_model: z.string(),
  format: z.string(),
  family: z.string(),
  families: z.array(z.string()),
  parameter_size: z.string(),
  quantization_level: z.string(),
});
export type DetailsJson = z.output<typeof details>;

const listed = {
  name: z.string(),
  model: z.string(),
  size: ns,
  digest: z.string(),
  details,
};
export const tagsSchema = z
  .strictObject({ models: z.array(z.strictObject({ ...listed, modified_at: z.string() })) })
  .meta({ id: 'OllamaTags' });
export const psSchema = z
  .strictObject({
    models: z.array(z.strictObject({ ...listed, expires_at: z.string(), size_vram: ns })),
  })
  .meta({ id: 'OllamaPs' });

/** Older clients say "name". */
const named = {
  model: nameField.optional(),
  name: nameField.optional(),
  stream: z.boolean().default(true),
  strict: strictField,
};
export const showBodySchema = z
  .looseObject({ ...named, verbose: z.boolean().default(false) })
  .meta({ id: 'OllamaShowRequest' });
export const pullBodySchema = z
  .looseObject({ ...named, insecure: z.boolean().optional() })
  .meta({ id: 'OllamaPullRequest' });
export const deleteBodySchema = z.looseObject(named).meta({ id: 'OllamaDeleteRequest' });

export const showSchema = z
  .strictObject({
    license: z.string(),
    modelfile: z.string(),
    parameters: z.string(),
    template: z.string(),
    details,
    model_info: z.record(z.string(), z.unknown()),
    capabilities: z.array(z.string()),
    modified_at: z.string(),
  })
  .meta({ id: 'OllamaShow' });
export const statusSchema = z.strictObject({ status: z.string() }).meta({ id: 'OllamaStatus' });
