/** The conversation of a response: its predecessor's input and output, then the new items. */
import type { Caller } from '../../platform/caller.ts';
import { objectName } from '../../platform/caller.ts';
import type { EngineError } from '../../../engine/base/errors.ts';
import { invalidField } from '../../platform/invalid-field.ts';
import { checkInputs, textContent, textMessage } from '../../serving/conversation/message.ts';
import type { ContentPart, Message, PartNames } from '../../serving/conversation/message.ts';
import type { ServingEnv } from '../../serving/env.ts';
import { picturePart, soundPart } from '../../serving/fields/content.ts';
import { findModel, type ServedModel } from '../../serving/models/model-store.ts';
import { defaultModelId } from '../../serving/models/model-names.ts';
import { senseNames } from '../../serving/senses/senses.ts';
import {
  describeConversation,
  describeMessages,
  hasPictures,
  picturesFirst,
} from '../../serving/vision/describe-messages.ts';
import type { ImageJson } from '../../serving/vision/fields.ts';
import { keepPictures } from '../../serving/vision/keep-pictures.ts';
import type { Redaction } from '../../serving/redaction/redactor.ts';
import type { ResponsesEnv } from './env.ts';
import { INPUT_ARGUMENT } from '../../serving/output/custom-input.ts';
import { callFault, faultText } from '../../serving/output/tool-turns.ts';
import { type InputItemJson, itemText, type NewItem, type SentItem } from './item-schema.ts';
import type { ResponseBody, ResponseJson } from './schema.ts';
import { inputItemId, type ItemType } from './item-shape.ts';
import { callsMessage, isServerItem, newServerItem, serverMessages } from './mcp/items.ts';
import type { ServerItem } from './mcp/items.ts';

export function newResponseId(): string {
  return `resp_${crypto.randomUUID().replaceAll('-', '')}`;
}

/** @throws {EngineError} E_REQUEST_INVALID when the predecessor does not exist or is not finished. */
export async function readConversation(
  env: Pick<ResponsesEnv, 'RESPONSES'>,
  caller: Caller,
  previousId: string | undefined,
): Promise<InputItemJson[]> {
  if (previousId === undefined) return [];
  const object = env.RESPONSES.getByName(objectName(caller, previousId));
  const [input, text] = await Promise.all([object.readInput(), object.read()]);
  if (input === null || text === null)
    throw wrongPredecessor(`expected the id of a stored response, got ${previousId}`);
  const previous = JSON.parse(text) as ResponseJson;
  if (previous.status !== 'completed' && previous.status !== 'incomplete')
    throw wrongPredecessor(`expected a response that is done; ${previousId} is ${previous.status}`);
  return [...(JSON.parse(input) as InputItemJson[]), ...conversationOutput(previous.output)];
}

/** An answer as part of the conversation that continues after it. */
export function conversationOutput(output: ResponseJson['output']): InputItemJson[] {
  return output.flatMap((item): InputItemJson[] => {
    // What was found and listed belongs to one answer.
    if (item.type === 'file_search_call' || item.type === 'mcp_list_tools') return [];
    if (item.type !== 'message') return [item];
    return [
      {
        ...{ id: item.id, type: 'message', status: 'completed', role: 'assistant' },
        // Log-probabilities belong to the answer, not to the conversation.
        content: item.content.map((part) => ({ ...part, logprobs: [] })),
      },
    ];
  });
}

/** Placeholders of the conversation so far with their values; none where nothing is redacted. */
export async function readRedactions(
  env: Pick<ResponsesEnv, 'RESPONSES'>,
  caller: Caller,
  { redact, previous_response_id: previousId }: ResponseBody,
): Promise<Redaction[]> {
  if (previousId === undefined || redact === undefined || redact === false) return [];
  const object = env.RESPONSES.getByName(objectName(caller, previousId));
  return JSON.parse(await object.readRedactions()) as Redaction[];
}

function wrongPredecessor(what: string): EngineError {
  const param = 'previous_response_id';
  return invalidField(param, what);
}

/**
 * @param ownerId of the response or conversation that the items become part of
 * @param referenced items by the index of the reference to them
 */
export function newItems(
  input: readonly NewItem[],
  ownerId: string,
  referenced: ReadonlyMap<number, InputItemJson>,
  firstPlace = 0,
): InputItemJson[] {
  const idOf = (type: ItemType, i: number): string => inputItemId(type, ownerId, firstPlace + i);
  // What was approved is sent again under the id that it had in its answer.
  const renamed = new Map(
    input.flatMap((item, i) =>
      item.type === 'mcp_approval_request' ? [[item.id, idOf(item.type, i)] as const] : [],
    ),
  );
  return input.flatMap((item, i) => {
    if (item.type === 'file_search_call' || item.type === 'mcp_list_tools') return [];
    if (item.type === 'item_reference') {
      const found = referenced.get(i);
      return found === undefined ? [] : [found];
    }
    const newItemId = (type: ItemType): string => idOf(type, i);
    if (isServerItem(item)) return [newServerItem(item, newItemId, renamed)];
    return [newItem(item, newItemId)];
  });
}

function newItem(
  item: Exclude<SentItem, ServerItem>,
  newItemId: (type: ItemType) => string,
): InputItemJson {
  const status = 'completed' as const;
  if (item.type === 'function_call') {
    const { type, call_id, name, arguments: json } = item;
    return { id: newItemId(type), type, status, call_id, name, arguments: json };
  }
  if (item.type === 'custom_tool_call') {
    const { type, call_id, name, input } = item;
    return { id: newItemId(type), type, status, call_id, name, input };
  }
  if (item.type === 'function_call_output' || item.type === 'custom_tool_call_output') {
    const { type, call_id, output } = item;
    return { id: newItemId(type), type, status, call_id, output: itemText(output) };
  }
  const { content } = item;
  const role = item.role === 'developer' ? 'system' : item.role;
  const head = { id: newItemId('message'), type: 'message' as const, status, role };
  if (role === 'assistant') {
    const text = typeof content === 'string' ? content : content.map(partText).join('');
    return { ...head, content: [{ type: 'output_text', text, annotations: [], logprobs: [] }] };
  }
  const isText = typeof content === 'string' || content.every((part) => 'text' in part);
  if (!isText) return { ...head, content: content.map(newPart) };
  const text = typeof content === 'string' ? content : content.map(partText).join('');
  return { ...head, content: [{ type: 'input_text', text }] };
}

type NewPart = Exclude<Extract<SentItem, { content: unknown }>['content'], string>[number];
type InputPart = Extract<InputItemJson, { type: 'message' }>['content'][number];

const partText = (part: NewPart): string => ('text' in part ? String(part.text) : '');

function newPart(part: NewPart): InputPart {
  if (part.type === 'input_image') {
    const { type, image_url: url, detail } = part;
    return { type, image_url: url ?? null, file_id: null, detail: detail ?? 'auto' };
  }
  if (part.type !== 'input_audio') return { type: 'input_text', text: part.text };
  const { data, format } = part.input_audio;
  return { type: part.type, input_audio: { data, format } };
}

function contentPart(part: InputPart): ContentPart {
  if ('text' in part) return { type: 'text', text: part.text };
  if (part.type === 'input_image') return picturePart(part.image_url, part.type, part.detail);
  return soundPart(part.input_audio, part.type);
}

/** What the conversation is read for: its model, and who asks. */
export interface Reading {
  readonly env: ServingEnv;
  readonly caller: Caller;
  readonly model: ServedModel;
  readonly vision: ResponseBody['vision'];
  readonly signal: AbortSignal;
}

/**
 * New items as their model reads them: its pictures before the texts that ask about them.
 * @throws {EngineError} E_REQUEST_INVALID naming a part that the model has no input for
 */
export async function readNew(reading: Reading, { messages, itemOf }: ItemTurns) {
  const { model } = reading;
  const names = partNames((message) => itemOf[message] ?? 0);
  if (!senseNames(model).has('image')) {
    checkInputs(model.id, messages, names, senseNames(model));
    return messages;
  }
  const read = await describeConversation({ ...reading, names }, messages);
  checkInputs(model.id, read.messages, names, senseNames(model));
  return read.messages;
}

/** Earlier turns: pictures that an earlier model saw become words for one that does not see. */
export async function readEarlier(reading: Reading, { messages }: ItemTurns) {
  const names: PartNames = { ...partNames(() => 0), path: () => 'input', pictureField: '' };
  return (await describeConversation({ ...reading, names }, messages)).messages;
}

function partNames(itemOf: (message: number) => number, field = 'input'): PartNames {
  return {
    path: (message, part) => `${field}[${itemOf(message)}].content[${part}]`,
    pictureField: '.image_url',
    text: '{"type": "input_text", "text": "..."}',
  };
}

/**
 * New items with words in the place of their pictures; for a model that sees with its pictures, small enough to be kept where
 * they are.
 * @throws {EngineError} as describeMessages and keepPictures do
 */
export async function describeItems(
  env: ServingEnv,
  caller: Caller,
  body: Pick<ResponseBody, 'model' | 'vision' | 'store' | 'conversation'>,
  items: readonly InputItemJson[],
  signal: AbortSignal,
): Promise<{ readonly items: readonly InputItemJson[]; readonly images: readonly ImageJson[] }> {
  const messages = messageEach(items);
  if (!hasPictures(messages)) return { items, images: [] };
  const { vision } = body;
  const model = await findModel(env.MODELS, body.model ?? (await defaultModelId(env)), caller);
  const names = partNames((message) => message);
  const request = { env, caller, model, vision, names, signal };
  if (senseNames(model).has('image')) {
    const isKept = body.store || body.conversation !== undefined;
    return { items: isKept ? await keepItems(request, items) : items, images: [] };
  }
  const { messages: described, images } = await describeMessages(request, messages);
  const withWords = items.map((item, i): InputItemJson => {
    if (item.type !== 'message') return item;
    const content = item.content.map((part, j): InputPart => {
      const words = described[i]?.content[j];
      if (part.type !== 'input_image' || words?.type !== 'text') return part;
      return { type: 'input_text', text: words.text };
    });
    const pictures = item.content.map(({ type }) => type === 'input_image');
    return { ...item, content: picturesFirst(pictures, content) };
  });
  return { items: withWords, images };
}

/** One message an item, so that their numbers are the same. */
function messageEach(items: readonly InputItemJson[]): Message[] {
  return items.map((item) =>
    item.type === 'message'
      ? { role: item.role, content: item.content.map(contentPart) }
      : { role: 'tool', content: [] },
  );
}

/**
 * Items with their pictures as they are kept.
 * @param field of the items, for errors
 * @throws {EngineError} as keepPictures does
 */
export async function keepItems(
  { env, caller, signal }: Pick<Reading, 'env' | 'caller' | 'signal'>,
  items: readonly InputItemJson[],
  field = 'input',
): Promise<InputItemJson[]> {
  const names = partNames((message) => message, field);
  const messages = await keepPictures({ env, caller, signal, names }, messageEach(items));
  return items.map((item, i): InputItemJson => {
    if (item.type !== 'message') return item;
    const content = item.content.map((part, j): InputPart => {
      const kept = messages[i]?.content[j];
      if (part.type !== 'input_image' || kept?.type !== 'image') return part;
      return { ...part, image_url: kept.url };
    });
    return { ...item, content };
  });
}

interface ItemTurns {
  readonly messages: Message[];
  /** Index of each message's first item. */
  readonly itemOf: number[];
}

/**
 * Items as the messages of a conversation: calls join the text of their assistant's message.
 * @param all items in which approved calls are found
 */
export function itemTurns(
  items: readonly InputItemJson[],
  all: readonly InputItemJson[] = items,
): ItemTurns {
  const turns: ItemTurns = { messages: [], itemOf: [] };
  for (const [i, item] of items.entries())
    for (const message of itemMessages(item, all)) {
      const last = turns.messages.at(-1);
      const hasCalls = message.tool_calls !== undefined || last?.tool_calls !== undefined;
      if (hasCalls && message.role === 'assistant' && last?.role === 'assistant') {
        turns.messages[turns.messages.length - 1] = joinTurns(last, message);
        continue;
      }
      turns.messages.push(message);
      turns.itemOf.push(i);
    }
  return turns;
}

function itemMessages(item: InputItemJson, all: readonly InputItemJson[]): Message[] {
  if (item.type === 'function_call_output' || item.type === 'custom_tool_call_output')
    return [{ ...textMessage('tool', item.output), tool_call_id: item.call_id }];
  if (item.type === 'message') return [{ role: item.role, content: item.content.map(contentPart) }];
  if (item.type === 'custom_tool_call') {
    const json = JSON.stringify({ [INPUT_ARGUMENT]: item.input });
    return [callsMessage('', [{ id: item.call_id, name: item.name, json }])];
  }
  if (item.type !== 'function_call') return serverMessages(item, all);
  const { call_id: id, name, arguments: json } = item;
  return [callsMessage('', [{ id, name, json }])];
}

function joinTurns(a: Message, b: Message): Message {
  const between = a.content.length > 0 && b.content.length > 0 ? textContent('\n') : [];
  const content = [...a.content, ...between, ...b.content];
  return { ...a, content, tool_calls: [...(a.tool_calls ?? []), ...(b.tool_calls ?? [])] };
}

const FAULT_FIELDS = { unknown: '.call_id', answered: '.call_id', interrupted: '', unanswered: '' };

/**
 * Checks that each call has one answer before the conversation continues.
 * @throws {EngineError} E_REQUEST_INVALID naming the new item at fault
 */
export function checkCalls(history: ItemTurns, fresh: ItemTurns): void {
  const fault = callFault([...history.messages, ...fresh.messages]);
  if (fault === null) return;
  const at = fresh.itemOf[fault.at - history.messages.length];
  const param = at === undefined ? 'input' : `input[${at}]${FAULT_FIELDS[fault.kind]}`;
  const what = faultText(fault, 'an item of type "function_call_output"');
  throw invalidField(param, what);
}
