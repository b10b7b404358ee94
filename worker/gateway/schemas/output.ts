/** Fields that say what an answer has to look like: formats, grammars and tools. */
import { z } from 'zod';

export const MAX_TOOLS = 1024;
export const MAX_GRAMMAR_CHARS = 100_000;
export const MAX_TOOL_NAME_CHARS = 64;
const MAX_DESCRIPTION_CHARS = 10_000;

export const toolName = z
  .string()
  .regex(
    /^[A-Za-z0-9_-]{1,64}$/,
    `expected 1 to ${MAX_TOOL_NAME_CHARS} letters, digits, "-" or "_"`,
  );
export const toolDescription = z.string().max(MAX_DESCRIPTION_CHARS);
/** A schema is checked where it is compiled, with the place of what is wrong. */
export const jsonSchema = z.record(z.string(), z.unknown());

const chatTool = z.looseObject({
  type: z.literal('function', 'expected "function"; other tools are not supported'),
  function: z.looseObject({
    name: toolName,
    description: toolDescription.optional(),
    parameters: jsonSchema.optional(),
    strict: z.boolean().optional(),
  }),
});

const choiceWord = z.enum(['none', 'auto', 'required']);
const chatToolChoice = z.union(
  [
    choiceWord,
    z.looseObject({ type: z.literal('function'), function: z.looseObject({ name: toolName }) }),
  ],
  'expected "none", "auto", "required" or {"type": "function", "function": {"name": "..."}}',
);

const responseFormat = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('text') }),
  z.looseObject({ type: z.literal('json_object') }),
  z.looseObject({
    type: z.literal('json_schema'),
    json_schema: z.looseObject({
      name: toolName.optional(),
      description: toolDescription.optional(),
      schema: jsonSchema,
      strict: z.boolean().optional(),
    }),
  }),
]);

/** Extensions of every generation (common.ts). */
export const grammarFields = {
  /** GBNF, as llama.cpp has it. */
  grammar: z.string().min(1).max(MAX_GRAMMAR_CHARS).optional(),
  /** Of the whole answer. */
  regex: z.string().min(1).max(MAX_GRAMMAR_CHARS).optional(),
};

export const formatFields = { response_format: responseFormat.optional() };

export const chatToolFields = {
  tools: z.array(chatTool).max(MAX_TOOLS).optional(),
  tool_choice: chatToolChoice.optional(),
  parallel_tool_calls: z.boolean().optional(),
};

export type ResponseFormat = z.output<typeof responseFormat>;
export type ChatToolFields = z.output<z.ZodObject<typeof chatToolFields>>;
