/** The conversation of a request in Anthropic's shape: its blocks as turns. */
import { EngineError } from '../../../engine/base/errors.ts';
import type { ChatMessage } from '../../../engine/text/chat-template.ts';
import { callFault, faultText } from '../../serving/output/tool-turns.ts';
import type { Conversation, MessageBlock } from './schema.ts';

/**
 * As the API has it: turns of one role that follow each other are one, the last may be begun. An
 * answer to a call is a turn of its own.
 * @throws {EngineError} E_REQUEST_INVALID for a call without its answer, an answer without its call
 */
export function conversationOf({ system, messages }: Conversation): {
  messages: ChatMessage[];
  prefill: string;
} {
  const turns: ChatMessage[] = system === undefined ? [] : [{ role: 'system', content: system }];
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
  return { messages: turns.slice(0, -1), prefill: last.content };
}

function textBlock(text: string): MessageBlock {
  return { type: 'text', text };
}

/** Texts of a message are one; so are an assistant's text and its calls. */
function turnsOf(role: string, blocks: readonly MessageBlock[]): ChatMessage[] {
  const turns: ChatMessage[] = [];
  for (const block of blocks) {
    if (block.type === 'tool_result') {
      const { content = '', is_error: isError, tool_use_id: id } = block;
      const text = isError === true ? `Error: ${content}` : content;
      turns.push({ role: 'tool', content: text, tool_call_id: id });
      continue;
    }
    const last = turns.at(-1);
    const turn = last?.role === role ? last : { role, content: '' };
    if (turn === last) turns.pop();
    turns.push(withBlock(turn, block));
  }
  return blocks.length === 0 ? [{ role, content: '' }] : turns;
}

function withBlock(
  turn: ChatMessage,
  block: Exclude<MessageBlock, { type: 'tool_result' }>,
): ChatMessage {
  if (block.type === 'text') return { ...turn, content: turn.content + block.text };
  const { id, name, input } = block;
  const call = { id, type: 'function' as const, function: { name, arguments: input } };
  return { ...turn, tool_calls: [...(turn.tool_calls ?? []), call] };
}

function join(a: ChatMessage, b: ChatMessage): ChatMessage {
  const calls = [...(a.tool_calls ?? []), ...(b.tool_calls ?? [])];
  const isTextless = (calls.length > 0 && a.content === '') || b.content === '';
  return {
    role: a.role,
    content: isTextless ? a.content + b.content : `${a.content}\n${b.content}`,
    ...(calls.length === 0 ? {} : { tool_calls: calls }),
  };
}

function checkAnswers(turns: readonly ChatMessage[], messageOf: readonly number[]): void {
  const fault = callFault(turns);
  if (fault === null) return;
  const param = `messages[${messageOf[fault.at]}].content`;
  const what = faultText(fault, 'a block of type "tool_result", before any text,');
  throw new EngineError('E_REQUEST_INVALID', `${param}: ${what}.`, { param });
}
