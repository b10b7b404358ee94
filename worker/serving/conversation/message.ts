/** A conversation as every API gives it to the models: messages of typed parts. */
import { invalidField } from '../../platform/invalid-field.ts';
import type { ChatMessage, ToolCall } from '../../../engine/text/chat-template.ts';

/** A picture or a sound as it came; whoever decodes it checks it. */
export interface MediaPart {
  readonly type: 'image' | 'audio';
  /** A data: URL or an address; null when the request gave none. */
  readonly url: string | null;
  /** What the request called it, for errors: "image_url", "input_audio". */
  readonly given: string;
}

export type ContentPart = { readonly type: 'text'; readonly text: string } | MediaPart;

export type Content = readonly ContentPart[];

export interface Message {
  readonly role: string;
  readonly content: Content;
  readonly name?: string;
  /** Of an assistant's message. */
  readonly tool_calls?: readonly ToolCall[];
  /** Of a tool's message: the call it answers. */
  readonly tool_call_id?: string;
}

export function textContent(text: string): Content {
  return text === '' ? [] : [{ type: 'text', text }];
}

/** The texts alone, put together. */
export function contentText(content: Content): string {
  return content.map((part) => (part.type === 'text' ? part.text : '')).join('');
}

export function textMessage(role: string, text: string): Message {
  return { role, content: textContent(text) };
}

/** A message as templates take it: text. */
export function templateMessage({ content, ...message }: Message): ChatMessage {
  return { ...message, content: contentText(content) };
}

/** Where a part stands in the request, and what its API calls a text. */
export interface PartNames {
  /** Path of part `part` of message `message`: "messages[1].content[0]". */
  readonly path: (message: number, part: number) => string;
  /** An example of a part that every model takes. */
  readonly text: string;
}

/**
 * Refuses parts that the model has no input for: none has one for pictures or sound yet.
 * @throws {EngineError} E_REQUEST_INVALID naming the part
 */
export function checkInputs(
  modelId: string,
  messages: readonly Message[],
  { path, text }: PartNames,
): void {
  for (const [i, { content }] of messages.entries())
    for (const [j, part] of content.entries()) {
      if (part.type === 'text') continue;
      const param = `${path(i, j)}.type`;
      throw invalidField(
        param,
        `${JSON.stringify(part.given)} is not supported yet by ${modelId}, which takes text ` +
          `alone; expected ${text}`,
        { details: { model: modelId, type: part.type } },
      );
    }
}
