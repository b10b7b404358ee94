/** Conversations with tools for templates that have none: tools and calls become plain text. */
import type { ChatMessage, ChatTemplate, ToolCall } from '../../../engine/text/chat-template.ts';
import type { ToolFormat } from './tool-formats.ts';
import { quoted, withoutTag } from '../conversation/quoted.ts';
import { inCallOrder, withShortIds } from './tool-turns.ts';
import type { Tool } from './tools.ts';

/** A conversation as the template takes it. */
export function turnsFor(
  { knowsTools }: Pick<ChatTemplate, 'knowsTools'>,
  messages: readonly ChatMessage[],
  tools: readonly Tool[],
  format: ToolFormat,
): ChatMessage[] {
  const ordered = inCallOrder(messages).map(closedAnswer);
  if (!knowsTools) return withoutToolRoles(ordered, tools, format);
  return format.idChars === undefined ? ordered : withShortIds(ordered, format.idChars);
}

/** Puts tools into the system message, calls into the assistant's text, their answers into the user's. */
function withoutToolRoles(
  messages: readonly ChatMessage[],
  tools: readonly Tool[],
  format: ToolFormat,
): ChatMessage[] {
  const turns: ChatMessage[] = [];
  const instructions = tools.length === 0 ? '' : tellOfTools(tools, format);
  for (const [i, message] of messages.entries()) {
    const last = turns.at(-1);
    if (message.role !== 'tool') turns.push(plainTurn(message, format));
    else if (last !== undefined && messages[i - 1]?.role === 'tool')
      turns[turns.length - 1] = { ...last, content: `${last.content}\n${answerText(message)}` };
    else turns.push({ role: 'user', content: answerText(message) });
  }
  if (instructions === '') return turns;
  const [first, ...rest] = turns;
  if (first?.role !== 'system') return [{ role: 'system', content: instructions }, ...turns];
  return [{ ...first, content: `${first.content}\n\n${instructions}` }, ...rest];
}

function plainTurn({ role, content, name, tool_calls: calls }: ChatMessage, format: ToolFormat) {
  const texts = [content, calls === undefined ? '' : callsText(calls, format)];
  const joined = texts.filter((text) => text !== '').join('\n');
  return { role, content: joined, ...(name === undefined ? {} : { name }) };
}

function tellOfTools(tools: readonly Tool[], format: ToolFormat): string {
  const example = `${format.start}${format.open}NAME${format.middle}ARGUMENTS${format.close}${format.end}`;
  const lines = tools.map(({ name, description, parameters }) =>
    JSON.stringify({ name, description, parameters }),
  );
  return [
    'You can call functions. To call one, write its name and its arguments as JSON like this:',
    example,
    'The functions, one a line:',
    ...lines,
  ].join('\n');
}

function callsText(
  calls: readonly ToolCall[],
  { start, open, middle, close, between, end }: ToolFormat,
) {
  const texts = calls.map(
    ({ function: { name, arguments: value } }) =>
      `${open}${name}${middle}${JSON.stringify(value)}${close}`,
  );
  return `${start}${texts.join(between)}${end}`;
}

/** The tag that many templates put around an answer, too. */
const ANSWER_TAG = 'tool_response';

/** What a tool says cannot end its own answer and go on as another. */
function closedAnswer(message: ChatMessage): ChatMessage {
  if (message.role !== 'tool') return message;
  return { ...message, content: withoutTag(ANSWER_TAG, message.content) };
}

function answerText({ content }: ChatMessage): string {
  return quoted(ANSWER_TAG, content);
}
