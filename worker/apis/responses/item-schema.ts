/** Items of responses: those of inputs, those of outputs, and their stored form. */
import { z } from 'zod';
import { tokenLogprobSchema } from '../../serving/fields/answers.ts';
import { detailField, DETAILS } from '../../serving/fields/content.ts';
import { callId, parseArguments } from '../chat/schema.ts';
import { MAX_TOOL_NAME_CHARS, toolName } from '../../serving/fields/output.ts';

/** Names of tools on their servers. */
const MAX_SERVER_NAME_CHARS = 200;
const MAX_REASON_CHARS = 2000;

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
  file_id: z.string().max(200).nullish(),
  detail: detailField,
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
const isArguments = ({ arguments: json }: { readonly arguments: string }): boolean =>
  parseArguments(json) !== undefined;
const NO_ARGUMENTS = { path: ['arguments'], message: 'expected the JSON text of an object' };

const callItem = z
  .looseObject({
    type: z.literal('function_call'),
    call_id: callId,
    name: toolName,
    arguments: z.string(),
  })
  .refine(isArguments, NO_ARGUMENTS);
const customCallItem = z.looseObject({
  type: z.literal('custom_tool_call'),
  call_id: callId,
  name: toolName,
  input: z.string(),
});
const callOutputItem = z.looseObject({
  type: z.literal('function_call_output'),
  call_id: callId,
  output: texts,
});
const customOutputItem = callOutputItem.extend({ type: z.literal('custom_tool_call_output') });

/** What belongs to an earlier turn and is not part of the conversation: passages, lists of tools. */
const searchItem = z.looseObject({ type: z.literal('file_search_call') });
const listItem = z.looseObject({ type: z.literal('mcp_list_tools') });

const label = z.string().max(MAX_TOOL_NAME_CHARS);
const serverCall = {
  server_label: label,
  name: z.string().min(1).max(MAX_SERVER_NAME_CHARS),
  arguments: z.string(),
};
const mcpCallItem = z.looseObject({
  type: z.literal('mcp_call'),
  ...serverCall,
  output: z.string().nullish(),
  error: z.unknown().optional(),
  approval_request_id: z.string().nullish(),
});
const approvalRequestItem = z.looseObject({
  type: z.literal('mcp_approval_request'),
  id: z.string().min(1).max(200),
  ...serverCall,
});
const approvalResponseItem = z.looseObject({
  type: z.literal('mcp_approval_response'),
  approval_request_id: z.string().min(1).max(200),
  approve: z.boolean(),
  reason: z.string().max(MAX_REASON_CHARS).nullish(),
});

const itemReference = z.looseObject({
  type: z.literal('item_reference'),
  id: z.string().min(1).max(200),
});

export const newItemSchema = z.discriminatedUnion(
  'type',
  [
    messageItem,
    callItem,
    callOutputItem,
    customCallItem,
    customOutputItem,
    itemReference,
    searchItem,
    listItem,
    mcpCallItem.refine(isArguments, NO_ARGUMENTS),
    approvalRequestItem.refine(isArguments, NO_ARGUMENTS),
    approvalResponseItem,
  ],
  'expected "message", "function_call" or "function_call_output"; other items are not supported yet',
);

export type NewItem = z.output<typeof newItemSchema>;
export type ItemReference = z.output<typeof itemReference>;
export type SentItem = Exclude<
  NewItem,
  ItemReference | z.output<typeof searchItem> | z.output<typeof listItem>
>;

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

const customCall = z
  .strictObject({
    id: z.string(),
    type: z.literal('custom_tool_call'),
    status,
    call_id: z.string(),
    name: z.string(),
    input: z.string(),
  })
  .meta({ id: 'ResponseCustomToolCall' });

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

const listedTool = z.strictObject({
  name: z.string(),
  description: z.string().nullable(),
  input_schema: z.record(z.string(), z.unknown()),
  annotations: z.record(z.string(), z.unknown()).nullable(),
});
const mcpListTools = z
  .strictObject({
    id: z.string(),
    type: z.literal('mcp_list_tools'),
    server_label: z.string(),
    tools: z.array(listedTool),
    error: z.null(),
  })
  .meta({ id: 'ResponseMcpListTools' });
const mcpError = z.discriminatedUnion('type', [
  z.strictObject({
    type: z.enum(['mcp_protocol_error', 'http_error']),
    code: z.number().int(),
    message: z.string(),
  }),
  z.strictObject({
    type: z.literal('mcp_tool_execution_error'),
    content: z.array(z.strictObject({ type: z.literal('text'), text: z.string() })),
  }),
]);
const mcpCall = z
  .strictObject({
    id: z.string(),
    type: z.literal('mcp_call'),
    status: z.enum(['in_progress', 'completed', 'failed']),
    server_label: z.string(),
    name: z.string(),
    arguments: z.string(),
    output: z.string().nullable(),
    error: mcpError.nullable(),
    approval_request_id: z.string().nullable(),
  })
  .meta({ id: 'ResponseMcpCall' });
const mcpApprovalRequest = z
  .strictObject({
    id: z.string(),
    type: z.literal('mcp_approval_request'),
    server_label: z.string(),
    name: z.string(),
    arguments: z.string(),
  })
  .meta({ id: 'ResponseMcpApproval' });

export const outputItemSchema = z
  .discriminatedUnion('type', [
    outputMessage,
    functionCall,
    customCall,
    fileSearchCall,
    mcpListTools,
    mcpCall,
    mcpApprovalRequest,
  ])
  .meta({ id: 'ResponseOutputItem' });

const callOutput = <Type extends string>(type: Type) =>
  z.strictObject({
    id: z.string(),
    type: z.literal(type),
    status: z.literal('completed'),
    call_id: z.string(),
    output: z.string(),
  });

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
            type: z.literal('input_image'),
            image_url: z.string().nullable().describe('a data: URL or another URL'),
            file_id: z.string().nullable(),
            detail: z.enum(DETAILS),
          }),
          z.strictObject({
            type: z.literal('input_audio'),
            input_audio: z.strictObject({ data: z.string(), format: z.string() }),
          }),
          outputTextSchema,
        ]),
      ),
    }),
    functionCall,
    customCall,
    callOutput('function_call_output'),
    callOutput('custom_tool_call_output'),
    mcpCall,
    mcpApprovalRequest,
    z.strictObject({
      id: z.string(),
      type: z.literal('mcp_approval_response'),
      request_id: z.string().describe('the same id: the published schema has both'),
      approval_request_id: z.string(),
      approve: z.boolean(),
      reason: z.string().nullable(),
    }),
  ])
  .meta({ id: 'ResponseInputItem' });

export type OutputTextJson = z.output<typeof outputTextSchema>;
export type OutputMessageJson = z.output<typeof outputMessage>;
export type FileSearchCallJson = z.output<typeof fileSearchCall>;
export type CustomCallJson = z.output<typeof customCall>;
export type FunctionCallJson = z.output<typeof functionCall>;
export type McpListToolsJson = z.output<typeof mcpListTools>;
export type ListedToolJson = z.output<typeof listedTool>;
export type McpErrorJson = z.output<typeof mcpError>;
export type McpCallJson = z.output<typeof mcpCall>;
export type ApprovalRequestJson = z.output<typeof mcpApprovalRequest>;
export type OutputItemJson = z.output<typeof outputItemSchema>;
export type InputItemJson = z.output<typeof inputItemSchema>;
