/** Fields that constrain an answer: formats, grammars and tools. */
import { z } from 'zod';
import { fileSearchTool } from './file-search.ts';
import { mcpTool } from './mcp.ts';
import { effortField, verbosityField } from './passive.ts';

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
/** Any JSON Schema; compiling it reports where it is wrong. */
export const jsonSchema = z.record(z.string(), z.unknown());

/** What the input of a custom tool is: any text, or what matches a regular expression as a whole. */
const inputGrammar = z.looseObject({
  syntax: z.literal('regex', 'expected "regex"; other grammars of inputs are not supported'),
  definition: z.string().min(1).max(MAX_GRAMMAR_CHARS),
});
const customTool = <Format extends z.ZodType>(format: Format) =>
  z.looseObject({
    name: toolName,
    description: toolDescription.nullish(),
    format: format.nullish(),
  });
const anyText = z.looseObject({ type: z.literal('text') });

const chatTool = z.discriminatedUnion(
  'type',
  [
    z.looseObject({
      type: z.literal('function'),
      function: z.looseObject({
        name: toolName,
        description: toolDescription.optional(),
        parameters: jsonSchema.optional(),
        strict: z.boolean().optional(),
      }),
    }),
    z.looseObject({
      type: z.literal('custom'),
      custom: customTool(
        z.discriminatedUnion('type', [
          anyText,
          z.looseObject({ type: z.literal('grammar'), grammar: inputGrammar }),
        ]),
      ),
    }),
  ],
  'expected "function" or "custom"; other tools are not supported',
);

const choiceWord = z.enum(['none', 'auto', 'required']);
const choiceMode = z.enum(['auto', 'required']);
const namedTool = z.discriminatedUnion('type', [
  z.looseObject({ type: z.literal('function'), function: z.looseObject({ name: toolName }) }),
  z.looseObject({ type: z.literal('custom'), custom: z.looseObject({ name: toolName }) }),
]);
const chatToolChoice = z.union(
  [
    choiceWord,
    namedTool,
    z.looseObject({
      type: z.literal('allowed_tools'),
      allowed_tools: z.looseObject({
        mode: choiceMode,
        tools: z.array(namedTool).min(1).max(MAX_TOOLS),
      }),
    }),
  ],
  'expected "none", "auto", "required" or {"type": "function", "function": {"name": "..."}}',
);

/** Responses: the fields of chat completions, one level up. */
const flatFunction = z.looseObject({
  type: z.literal('function'),
  name: toolName,
  description: toolDescription.nullish(),
  parameters: jsonSchema.nullish(),
  strict: z.boolean().nullish(),
});
const flatCustom = customTool(
  z.discriminatedUnion('type', [anyText, inputGrammar.extend({ type: z.literal('grammar') })]),
).extend({ type: z.literal('custom') });
const flatTool = z.discriminatedUnion(
  'type',
  [flatFunction, flatCustom, fileSearchTool, mcpTool],
  'expected "function", "custom", "file_search" or "mcp"; other tools are not supported',
);
const flatNamedTool = z.looseObject({ type: z.literal('function'), name: toolName });
const flatNamedCustom = z.looseObject({ type: z.literal('custom'), name: toolName });
const flatToolChoice = z.union(
  [
    choiceWord,
    flatNamedTool,
    flatNamedCustom,
    z.looseObject({ type: z.literal('file_search') }),
    z.looseObject({
      type: z.literal('mcp'),
      server_label: z.string().max(MAX_TOOL_NAME_CHARS),
      name: z.string().max(MAX_DESCRIPTION_CHARS).nullish(),
    }),
    z.looseObject({
      type: z.literal('allowed_tools'),
      mode: choiceMode,
      tools: z
        .array(z.union([flatNamedTool, flatNamedCustom]))
        .min(1)
        .max(MAX_TOOLS),
    }),
  ],
  'expected "none", "auto", "required" or {"type": "function", "name": "..."}',
);

const messagesTool = z.looseObject({
  type: z.literal('custom', 'expected "custom"; other tools are not supported').nullish(),
  name: toolName,
  description: toolDescription.optional(),
  input_schema: jsonSchema,
});
const isSingle = { disable_parallel_tool_use: z.boolean().optional() };
const messagesToolChoice = z.discriminatedUnion(
  'type',
  [
    z.looseObject({ type: z.literal('none') }),
    z.looseObject({ type: z.literal('auto'), ...isSingle }),
    z.looseObject({ type: z.literal('any'), ...isSingle }),
    z.looseObject({ type: z.literal('tool'), name: toolName, ...isSingle }),
  ],
  'expected {"type": "auto"}, {"type": "any"}, {"type": "none"} or {"type": "tool", "name": "..."}',
);

/** A constraint that a format of this type does not have: other servers' formats do. */
const misplaced = (fix: string) =>
  z
    .unknown()
    .refine((value) => value === null, `is not part of this type; expected ${fix}`)
    .optional();
const useSchema = '"type": "json_schema" with it';
/** llama.cpp and others take a schema next to "json_object". */
const jsonObject = z.looseObject({
  type: z.literal('json_object'),
  schema: jsonSchema.optional(),
  json_schema: misplaced(useSchema),
});
const plainText = z.looseObject({
  type: z.literal('text'),
  schema: misplaced(useSchema),
  json_schema: misplaced(useSchema),
});

const responseFormat = z.discriminatedUnion('type', [
  plainText,
  jsonObject,
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

const schemaFormat = z.looseObject({ type: z.literal('json_schema'), schema: jsonSchema });
const textFormat = z.discriminatedUnion('type', [
  plainText,
  jsonObject,
  schemaFormat.extend({
    name: toolName.optional(),
    description: toolDescription.nullish(),
    strict: z.boolean().nullish(),
  }),
]);

/** Extensions that every generation takes (common.ts). */
export const grammarFields = {
  /** GBNF, as in llama.cpp. */
  grammar: z.string().min(1).max(MAX_GRAMMAR_CHARS).optional(),
  /** Matches the whole answer. */
  regex: z.string().min(1).max(MAX_GRAMMAR_CHARS).optional(),
};

export const formatFields = { response_format: responseFormat.optional() };

export const chatToolFields = {
  tools: z.array(chatTool).max(MAX_TOOLS).optional(),
  tool_choice: chatToolChoice.optional(),
  parallel_tool_calls: z.boolean().optional(),
};

export const responseOutputFields = {
  text: z.looseObject({ format: textFormat.optional(), verbosity: verbosityField }).optional(),
  tools: z.array(flatTool).max(MAX_TOOLS).optional(),
  tool_choice: flatToolChoice.optional(),
  parallel_tool_calls: z.boolean().optional(),
};

export const messagesToolFields = {
  tools: z.array(messagesTool).max(MAX_TOOLS).optional(),
  tool_choice: messagesToolChoice.optional(),
};
export const messagesOutputFields = {
  output_config: z.looseObject({ format: schemaFormat.nullish(), effort: effortField }).optional(),
};

export type FlatCustom = z.output<typeof flatCustom>;
export type FlatTool = z.output<typeof flatTool>;
export type FlatToolChoice = z.output<typeof flatToolChoice>;
export type TextFormat = z.output<typeof textFormat>;
export type ResponseToolFields = z.output<z.ZodObject<typeof responseOutputFields>>;
export type MessagesToolFields = z.output<z.ZodObject<typeof messagesToolFields>>;
export type ResponseFormat = z.output<typeof responseFormat>;
export type ChatToolFields = z.output<z.ZodObject<typeof chatToolFields>>;
