/** The conversation of a request in Anthropic's shape, from blocks to messages. */
import type { ToolCall } from '../../../engine/text/chat-template.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import {
  checkInputs,
  contentText,
  textContent,
  textMessage,
} from '../../serving/conversation/message.ts';
import type { ContentPart, Message, PartNames } from '../../serving/conversation/message.ts';
import { callFault, faultText } from '../../serving/output/tool-turns.ts';
import { describeMessages, picturesFirst } from '../../serving/vision/describe-messages.ts';
import type { PictureRequest } from '../../serving/vision/describe-messages.ts';
import type { ImageJson } from '../../serving/vision/fields.ts';
import type { ServedModel } from '../../serving/models/model-store.ts';
import { senseNames } from '../../serving/senses/senses.ts';
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
  const turns: Turn[] = system === undefined ? [] : [textMessage('system', system)].map(turnOf);
  const messageOf = turns.map(() => 0);
  for (const [i, { role, content }] of messages.entries()) {
    const blocks = typeof content === 'string' ? [textBlock(content)] : content;
    for (const turn of turnsOf(role, blocks)) {
      const last = turns.at(-1);
      if (last?.role === turn.role && turn.role !== 'tool') join(last, turn);
      else messageOf[turns.push(turn) - 1] = i;
    }
  }
  checkAnswers(turns, messageOf);
  const last = turns.at(-1);
  if (last?.role !== 'assistant') return { messages: turns, prefill: '' };
  return { messages: turns.slice(0, -1), prefill: contentText(last.content) };
}

/** A message while it is put together: copies of it for each block would cost the square of their number. */
interface Turn extends Message {
  readonly content: ContentPart[];
  tool_calls?: ToolCall[];
}

function turnOf({ content, tool_calls: calls, ...message }: Message): Turn {
  return {
    ...message,
    content: [...content],
    ...(calls === undefined ? {} : { tool_calls: [...calls] }),
  };
}

function textBlock(text: string): MessageBlock {
  return { type: 'text', text };
}

/** Joins the texts of a message, and an assistant's text and calls. */
function turnsOf(role: string, blocks: readonly MessageBlock[]): Turn[] {
  const turns: Turn[] = [];
  for (const block of blocks) {
    if (block.type === 'tool_result') {
      const { content = '', is_error: isError, tool_use_id: id } = block;
      const text = isError === true ? `Error: ${content}` : content;
      turns.push(turnOf({ ...textMessage('tool', text), tool_call_id: id }));
      continue;
    }
    let turn = turns.at(-1);
    if (turn?.role !== role) turns.push((turn = { role, content: [] }));
    addBlock(turn, block);
  }
  return blocks.length === 0 ? [{ role, content: [] }] : turns;
}

function addBlock(turn: Turn, block: Exclude<MessageBlock, { type: 'tool_result' }>): void {
  if (block.type === 'text' || block.type === 'image') {
    turn.content.push(partOf(block));
    return;
  }
  const { id, name, input } = block;
  (turn.tool_calls ??= []).push({ id, type: 'function', function: { name, arguments: input } });
}

function partOf(block: Extract<MessageBlock, { type: 'text' | 'image' }>): ContentPart {
  if (block.type === 'text') return { type: 'text', text: block.text };
  return { type: 'image', url: urlOf(block.source), given: block.type };
}

function urlOf(source: Extract<MessageBlock, { type: 'image' }>['source']): string | null {
  if (source === undefined) return null;
  return source.type === 'url' ? source.url : `data:${source.media_type};base64,${source.data}`;
}

/** Adds a turn to the one before it, with a line break between their texts. */
function join(turn: Turn, next: Turn): void {
  const nCall = (turn.tool_calls?.length ?? 0) + (next.tool_calls?.length ?? 0);
  const isTextless = (nCall > 0 && turn.content.length === 0) || next.content.length === 0;
  if (!isTextless) turn.content.push(...textContent('\n'));
  for (const part of next.content) turn.content.push(part);
  for (const call of next.tool_calls ?? []) (turn.tool_calls ??= []).push(call);
}

const BLOCKS: PartNames = {
  path: (message, part) => `messages[${message}].content[${part}]`,
  pictureField: '.source',
  text: 'a block of type "text"',
};

function partsOf({ messages }: Conversation): Message[] {
  return messages.map(({ role, content }): Message => ({
    role,
    content: typeof content === 'string' ? [] : content.map(blockPart),
  }));
}

/** @throws {EngineError} E_REQUEST_INVALID naming a block that the model has no input for */
export function checkBlocks(
  model: Pick<ServedModel, 'id' | 'manifest' | 'adapter'>,
  conversation: Conversation,
): void {
  checkInputs(model.id, partsOf(conversation), BLOCKS, senseNames(model));
}

/**
 * The conversation with words in the place of its pictures; a model with eyes of its own gets the pictures, where the words
 * would be.
 * @throws {EngineError} as describeMessages does
 */
export async function describeBlocks<C extends Conversation>(
  request: Omit<PictureRequest, 'names'> & { readonly model: ServedModel },
  conversation: C,
): Promise<{ readonly conversation: C; readonly images: readonly ImageJson[] }> {
  if (senseNames(request.model).has('image'))
    return { conversation: { ...conversation, messages: blocksFirst(conversation) }, images: [] };
  const parts = partsOf(conversation);
  const { messages: described, images } = await describeMessages(
    { ...request, names: BLOCKS },
    parts,
  );
  if (images.length === 0) return { conversation, images };
  const messages = conversation.messages.map((message, i) => {
    const { content } = message;
    if (typeof content === 'string') return message;
    const words = (j: number) => contentText(described[i]!.content.slice(j, j + 1));
    const blocks = content.map((block, j) =>
      block.type === 'image' ? textBlock(words(j)) : block,
    );
    const pictures = content.map(({ type }) => type === 'image');
    return { ...message, content: picturesFirst(pictures, blocks) };
  });
  return { conversation: { ...conversation, messages }, images };
}

/** Messages with their pictures before the texts that ask about them. */
function blocksFirst({ messages }: Conversation): Conversation['messages'] {
  return messages.map((message) => {
    const { content } = message;
    if (typeof content === 'string') return message;
    const pictures = content.map(({ type }) => type === 'image');
    return { ...message, content: picturesFirst(pictures, content) };
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
