/** Items of responses: those of inputs, those of outputs, and their stored form. */
import { z } from 'zod';
import { tokenLogprobSchema } from '../../serving/fields/answers.ts';
import { callId, parseArguments } from '../chat/schema.ts';
import { toolName } from '../../serving/fields/output.ts';

const textPart = z.looseObject(
  { type: z.enum(['input_text', 'output_text', 'text']), text: z.string() },
  'expected {"type": "input_text", "text": "..."}; other parts are not supported yet',
);
const texts = z.union(
  [z.string(), z.array(textPart).min(1)],
  'expected a text or an array of text parts',
);
const imagePart = z.looseObject({
  type: z.literal('input_image'),
  image_url: z.string().nullish(),
});
const audioPart = z.looseObject({
  type: z.literal('input_audio'),
  input_audio: z.looseObject({ data: z.string(), format: z.string().max(20) }),
});
const parts = z.union(
  [
    z.string(),
    z
      .array(
        z.discriminatedUnion(
          'type',
          [textPart, imagePart, audioPart],
          'expected {"type": "input_text", "text": "..."}; other parts are not supported yet',
        ),
      )
      .min(1),
  ],
  'expected a text or an array of parts',
);

/** A message in OpenAI's short form, or an item of an earlier answer. */
const messageItem = z.looseObject({
  type: z.literal('message').optional(),
  role: z.enum(['system', 'developer', 'user', 'assistant']),
  content: parts,
});
const callItem = z
  .looseObject({
    type: z.literal('function_call'),
    call_id: callId,
    name: toolName,
    arguments: z.string(),
  })
  .refine(({ arguments: json }) => parseArguments(json) !== undefined, {
    path: ['arguments'],
    message: 'expected the JSON text of an object',
  });
const callOutputItem = z.looseObject({
  type: z.literal('function_call_output'),
  call_id: callId,
  output: texts,
});

/** A search of an earlier turn, whose passages are not part of the conversation. */
const searchItem = z.looseObject({ type: z.literal('file_search_call') });

const itemReference = z.looseObject({
  type: z.literal('item_reference'),
  id: z.string().min(1).max(200),
});

export const newItemSchema = z.discriminatedUnion(
  'type',
  [messageItem, callItem, callOutputItem, itemReference, searchItem],
  'expected "message", "function_call" or "function_call_output"; other items are not supported yet',
);

export type NewItem = z.output<typeof newItemSchema>;
export type ItemReference = z.output<typeof itemReference>;
export type SentItem = Exclude<NewItem, ItemReference | z.output<typeof searchItem>>;

/** Texts of the parts, joined. */
export function itemText(content: z.output<typeof texts>): string {
  return typeof content === 'string' ? content : content.map(({ text }) => text).join('');
}

const fileCitation = z.strictObject({
  type: z.literal('file_citation'),
  file_id: z.string(),
  filename: z.string(),
  index: z.number().int().describe('place of the mark such as [1] in the text'),
});
const status = z.enum(['in_progress', 'completed', 'incomplete']);

export const outputTextSchema = z.strictObject({
  type: z.literal('output_text'),
  text: z.string(),
  annotations: z.array(fileCitation),
  logprobs: z.array(tokenLogprobSchema),
});

const outputMessage = z
  .strictObject({
    id: z.string(),
    type: z.literal('message'),
    status,
    role: z.literal('assistant'),
    content: z.array(outputTextSchema),
  })
  .meta({ id: 'ResponseOutputMessage' });
const functionCall = z
  .strictObject({
    id: z.string(),
    type: z.literal('function_call'),
    status,
    call_id: z.string(),
    name: z.string(),
    arguments: z.string(),
  })
  .meta({ id: 'ResponseFunctionCall' });

const fileSearchCall = z
  .strictObject({
    id: z.string(),
    type: z.literal('file_search_call'),
    status: z.enum(['in_progress', 'completed']),
    queries: z.array(z.string()),
    results: z
      .array(
        z.strictObject({
          file_id: z.string(),
          filename: z.string(),
          text: z.string(),
          score: z.number(),
          attributes: z.record(z.string(), z.union([z.string(), z.number(), z.boolean()])),
        }),
      )
      .nullable()
      .describe('null unless "include" asks for them'),
  })
  .meta({ id: 'ResponseFileSearchCall' });

export const outputItemSchema = z
  .discriminatedUnion('type', [outputMessage, functionCall, fileSearchCall])
  .meta({ id: 'ResponseOutputItem' });

export const inputItemSchema = z
  .discriminatedUnion('type', [
    z.strictObject({
      id: z.string(),
      type: z.literal('message'),
      status: z.literal('completed'),
      role: z.enum(['system', 'user', 'assistant']),
      content: z.array(
        z.union([
          z.strictObject({ type: z.literal('input_text'), text: z.string() }),
          z.strictObject({
            type: z.enum(['input_image', 'input_audio']),
            url: z.string().nullable().describe('a data: URL or another URL'),
          }),
          outputTextSchema,
        ]),
      ),
    }),
    functionCall,
    z.strictObject({
      id: z.string(),
      type: z.literal('function_call_output'),
      status: z.literal('completed'),
      call_id: z.string(),
      output: z.string(),
    }),
  ])
  .meta({ id: 'ResponseInputItem' });

export type OutputTextJson = z.output<typeof outputTextSchema>;
export type OutputMessageJson = z.output<typeof outputMessage>;
export type FileSearchCallJson = z.output<typeof fileSearchCall>;
export type FunctionCallJson = z.output<typeof functionCall>;
export type OutputItemJson = z.output<typeof outputItemSchema>;
export type InputItemJson = z.output<typeof inputItemSchema>;
