/** Tools from the fields of each API. */
import type { ChatToolFields, MessagesToolFields, ResponseToolFields } from '../fields/output.ts';
import { toolUse, type ToolUse } from './tools.ts';

/** Tools of OpenAI's chat completions; null without any. @throws {EngineError} E_REQUEST_INVALID */
export function chatTools(fields: ChatToolFields): ToolUse | null {
  const { tools = [], tool_choice: choice = 'auto', parallel_tool_calls: parallel = true } = fields;
  return toolUse(
    tools.map((tool) => tool.function),
    typeof choice === 'object' ? { name: choice.function.name } : choice,
    parallel,
    (index) => `tools[${index}].function.parameters`,
  );
}

/** Tools of OpenAI's responses. @throws {EngineError} E_REQUEST_INVALID */
export function responseTools(fields: ResponseToolFields): ToolUse | null {
  const { tools = [], tool_choice: choice = 'auto', parallel_tool_calls: parallel = true } = fields;
  return toolUse(
    tools.map(({ name, description, parameters }) => ({
      name,
      description: description ?? undefined,
      parameters: parameters ?? undefined,
    })),
    typeof choice === 'object' ? { name: choice.name } : choice,
    parallel,
    (index) => `tools[${index}].parameters`,
  );
}

const MESSAGES_CHOICES = { none: 'none', auto: 'auto', any: 'required' } as const;

/** Tools of Anthropic's messages. @throws {EngineError} E_REQUEST_INVALID */
export function messagesTools({
  tools = [],
  tool_choice: choice,
}: MessagesToolFields): ToolUse | null {
  const isSingle =
    choice !== undefined && choice.type !== 'none' && choice.disable_parallel_tool_use === true;
  return toolUse(
    tools.map(({ name, description, input_schema: parameters }) => ({
      name,
      description,
      parameters,
    })),
    choice?.type === 'tool' ? { name: choice.name } : MESSAGES_CHOICES[choice?.type ?? 'auto'],
    !isSingle,
    (index) => `tools[${index}].input_schema`,
  );
}
