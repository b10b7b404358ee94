/** The conversation of a request in Anthropic's shape, from blocks to messages. */
import { invalidField } from '../../platform/invalid-field.ts';
import {
  checkInputs,
  contentText,
  textContent,
  textMessage,
} from '../../serving/conversation/message.ts';
import type { ContentPart, Message } from '../../serving/conversation/message.ts';
import { callFault, faultText } from '../../serving/output/tool-turns.ts';
import type { Conversation, MessageBlock } from './schema.ts';

/**
 * As in Anthropic's API, successive turns of one role are joined, and the last one may begin the answer. An
 * answer to a call is a separate turn.
 * @throws {EngineError} E_REQUEST_INVALID for a call without an answer, or an answer without a call
 */
export function conversationOf({ system, messages }: Conversation): {
  messages: Message[];
  prefill: string;
} {
  const turns: Message[] = system === undefined ? [] : [textMessage('system', system)];
  const messageOf = turns.map(() => 0);
  for (const [i, { role, content }] of messages.entries()) {
    const blocks = typeof content === 'string' ? [textBlock(content)] : content;
    for (const turn of turnsOf(role, blocks)) {
      const last = turns.at(-1);
      if (last?.role === turn.role && turn.role !== 'tool')
        turns[turns.length - 1] = join(last, turn);
      else messageOf[turns.push(turn) - 1] = i;
    }
  }
  checkAnswers(turns, messageOf);
  const last = turns.at(-1);
  if (last?.role !== 'assistant') return { messages: turns, prefill: '' };
  return { messages: turns.slice(0, -1), prefill: contentText(last.content) };
}

function textBlock(text: string): MessageBlock {
  return { type: 'text', text };
}

/** Joins the texts of a message, and an assistant's text and calls. */
function turnsOf(role: string, blocks: readonly MessageBlock[]): Message[] {
  const turns: Message[] = [];
  for (const block of blocks) {
    if (block.type === 'tool_result') {
      const { content = '', is_error: isError, tool_use_id: id } = block;
      const text = isError === true ? `Error: ${content}` : content;
      turns.push({ ...textMessage('tool', text), tool_call_id: id });
      continue;
    }
    const last = turns.at(-1);
    const turn = last?.role === role ? last : { role, content: [] };
    if (turn === last) turns.pop();
    turns.push(withBlock(turn, block));
  }
  return blocks.length === 0 ? [{ role, content: [] }] : turns;
}

function withBlock(turn: Message, block: Exclude<MessageBlock, { type: 'tool_result' }>): Message {
  if (block.type === 'text' || block.type === 'image')
    return { ...turn, content: [...turn.content, partOf(block)] };
  const { id, name, input } = block;
  const call = { id, type: 'function' as const, function: { name, arguments: input } };
  return { ...turn, tool_calls: [...(turn.tool_calls ?? []), call] };
}

function partOf(block: Extract<MessageBlock, { type: 'text' | 'image' }>): ContentPart {
  if (block.type === 'text') return { type: 'text', text: block.text };
  return { type: 'image', url: urlOf(block.source), given: block.type };
}

function urlOf(source: Extract<MessageBlock, { type: 'image' }>['source']): string | null {
  if (source === undefined) return null;
  return source.type === 'url' ? source.url : `data:${source.media_type};base64,${source.data}`;
}

/** Joins two turns, with a line break between their texts. */
function join(a: Message, b: Message): Message {
  const calls = [...(a.tool_calls ?? []), ...(b.tool_calls ?? [])];
  const isTextless = (calls.length > 0 && a.content.length === 0) || b.content.length === 0;
  const between = isTextless ? [] : textContent('\n');
  return {
    role: a.role,
    content: [...a.content, ...between, ...b.content],
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

/** @throws {EngineError} E_REQUEST_INVALID naming a block that the model has no input for */
export function checkBlocks(modelId: string, { messages }: Conversation): void {
  const asked = messages.map(({ role, content }): Message => ({
    role,
    content: typeof content === 'string' ? [] : content.map(blockPart),
  }));
  checkInputs(modelId, asked, {
    path: (message, part) => `messages[${message}].content[${part}]`,
    text: 'a block of type "text"',
  });
}

function blockPart(block: MessageBlock): ContentPart {
  if (block.type === 'text' || block.type === 'image') return partOf(block);
  return { type: 'text', text: '' };
}

function checkAnswers(turns: readonly Message[], messageOf: readonly number[]): void {
  const fault = callFault(turns);
  if (fault === null) return;
  const param = `messages[${messageOf[fault.at]}].content`;
  const what = faultText(fault, 'a block of type "tool_result", before any text,');
  throw invalidField(param, what);
}
