/** A conversation in the form that all APIs share: messages of typed parts. */
import { invalidField } from '../../platform/invalid-field.ts';
import type { ChatMessage, ToolCall } from '../../../engine/text/chat-template.ts';

/** An image or a recording as it was sent; its decoder checks it. */
export interface MediaPart {
  readonly type: 'image' | 'audio';
  /** A data: URL or another URL; null when the request gave none. */
  readonly url: string | null;
  /** The part's type in the request, for errors: "image_url", "input_audio". */
  readonly given: string;
  /** Of a picture: only as one whole. As closely as there is a way to look otherwise. */
  readonly detail?: 'low';
  /** Where it stood in the request, for errors, once parts have been put in another order. */
  readonly at?: string;
}

export type ContentPart = { readonly type: 'text'; readonly text: string } | MediaPart;

export type Content = readonly ContentPart[];

export interface Message {
  readonly role: string;
  readonly content: Content;
  readonly name?: string;
  /** Only in messages of the assistant. */
  readonly tool_calls?: readonly ToolCall[];
  /** Only in messages of a tool: id of the call that the message answers. */
  readonly tool_call_id?: string;
}

export function textContent(text: string): Content {
  return text === '' ? [] : [{ type: 'text', text }];
}

export const isMedia = (part: ContentPart): part is MediaPart => part.type !== 'text';

/** The text parts, joined. @param show what stands for another part; nothing by default */
export function contentText(
  content: Content,
  show: (part: MediaPart) => string = () => '',
): string {
  return content.map((part) => (part.type === 'text' ? part.text : show(part))).join('');
}

export function textMessage(role: string, text: string): Message {
  return { role, content: textContent(text) };
}

/** A message as chat templates take it, with its content as text. */
export function templateMessage({ content, ...message }: Message): ChatMessage {
  return { ...message, content: contentText(content) };
}

/** How an API names parts: their paths, and its text part. */
export interface PartNames {
  /** Path of part `part` of message `message`, such as "messages[1].content[0]". */
  readonly path: (message: number, part: number) => string;
  /** From a part's path to its picture, such as ".image_url.url"; empty where the path is the picture's own. */
  readonly pictureField: string;
  /** An example of a text part, which every model takes. */
  readonly text: string;
}

/** Where a part says what it is; a picture without fields has its path alone. */
export function typePath({ path, pictureField }: PartNames, message: number, part: number): string {
  return `${path(message, part)}${pictureField === '' ? '' : '.type'}`;
}

const TEXT_ALONE: ReadonlySet<MediaPart['type']> = new Set();

/**
 * Refuses parts that the model has no input for.
 * @param senses what it reads beside text; few models read any
 * @throws {EngineError} E_REQUEST_INVALID naming the part
 */
export function checkInputs(
  modelId: string,
  messages: readonly Message[],
  names: PartNames,
  senses: ReadonlySet<MediaPart['type']> = TEXT_ALONE,
): void {
  for (const [i, { content }] of messages.entries())
    for (const [j, part] of content.entries()) {
      if (part.type === 'text' || senses.has(part.type)) continue;
      throw invalidField(
        typePath(names, i, j),
        `${JSON.stringify(part.given)} is not supported yet by ${modelId}, which takes text ` +
          `alone; expected ${names.text}`,
        { details: { model: modelId, type: part.type } },
      );
    }
}
