/** Messages and tools of Ollama's chat as those of a conversation. */
import type { ToolCall } from '../../../engine/text/chat-template.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { textContent } from '../../serving/conversation/message.ts';
import type { Content, Message, PartNames } from '../../serving/conversation/message.ts';
import { callFault, faultText } from '../../serving/output/tool-turns.ts';
import { toolUse } from '../../serving/output/tools.ts';
import type { ToolUse } from '../../serving/output/tools.ts';
import type { ChatBody, MessageJson } from './schema.ts';

/**
 * Calls have no ids in Ollama's API: results answer them by name, or in their order.
 * @throws {EngineError} E_REQUEST_INVALID for a result without a call or a call without a result
 */
export function conversationOf(messages: readonly MessageJson[]): Message[] {
  const open: ToolCall[] = [];
  const turns = messages.map((message, i): Message => {
    const { role } = message;
    const content = contentOf(message.images, message.content);
    if (role === 'tool') return { role, content, tool_call_id: takeCall(open, message, i) };
    const calls = (message.tool_calls ?? []).map(({ function: called }, j): ToolCall => {
      const { name, arguments: values } = called;
      return { id: `call_${i}_${j}`, type: 'function', function: { name, arguments: values } };
    });
    open.push(...calls);
    return {
      ...{ role, content },
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    };
  });
  const fault = callFault(turns);
  if (fault !== null)
    throw invalidField(`messages[${fault.at}]`, faultText(fault, 'a message of role "tool"'));
  return turns;
}

/** Id of the call that a message answers. */
function takeCall(open: ToolCall[], { tool_name: name }: MessageJson, i: number): string {
  const at = name == null ? 0 : open.findIndex((call) => call.function.name === name);
  const [call] = at < 0 ? [] : open.splice(at, 1);
  if (call !== undefined) return call.id;
  const what = name == null ? 'a message' : `a result of ${JSON.stringify(name)}`;
  throw invalidField(
    `messages[${i}]`,
    `${what} of role "tool" answers no call; expected one in "tool_calls" of a message before it`,
  );
}

/** Pictures are base64 without a type, and come before the text. */
export function contentOf(images: readonly string[] | null | undefined, text: string): Content {
  const pictures = (images ?? []).map((base64) => ({
    ...{ type: 'image' as const, given: 'images' },
    url: `data:;base64,${base64}`,
  }));
  return [...pictures, ...textContent(text)];
}

export const IMAGES: PartNames = {
  path: (message, part) => `messages[${message}].images[${part}]`,
  pictureField: '',
  text: 'text alone',
};

/** @throws {EngineError} E_REQUEST_INVALID for a schema that cannot be honoured */
export function toolsOf(tools: ChatBody['tools']): ToolUse | null {
  return toolUse(
    (tools ?? []).map(({ function: { name, description, parameters } }) => ({
      name,
      description: description ?? undefined,
      parameters: parameters ?? undefined,
    })),
    'auto',
    true,
    (index) => `tools[${index}].function.parameters`,
  );
}
