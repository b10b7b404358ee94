/** Tools as OpenAI's chat completions name them. */
import type { ChatToolFields } from '../schemas/output.ts';
import { toolUse, type ToolUse } from './tools.ts';

/** Null when nothing is to be called. @throws {EngineError} E_REQUEST_INVALID */
export function chatTools(fields: ChatToolFields): ToolUse | null {
  const { tools = [], tool_choice: choice = 'auto', parallel_tool_calls: parallel = true } = fields;
  return toolUse(
    tools.map((tool) => tool.function),
    typeof choice === 'object' ? { name: choice.function.name } : choice,
    parallel,
    (index) => `tools[${index}].function.parameters`,
  );
}
