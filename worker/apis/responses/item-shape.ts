/** Items of a response's output as they are made, with their events. */
import type { FileSearch } from './file-search.ts';
import type {
  ApprovalRequestJson,
  FileSearchCallJson,
  CustomCallJson,
  FunctionCallJson,
  ListedToolJson,
  McpCallJson,
  McpListToolsJson,
  OutputItemJson,
  OutputMessageJson,
  OutputTextJson,
} from './item-schema.ts';
import type { UnnumberedEvent } from './schema.ts';
import type { ChatTokenJson } from '../chat/token-json.ts';

type Events = Generator<UnnumberedEvent, void, void>;
type ItemPlace = { readonly item_id: string; readonly output_index: number };

/** A call of a tool of an MCP server. */
export interface ServerCall {
  readonly label: string;
  /** Its name on the server. */
  readonly name: string;
  /** JSON text of an object. */
  readonly arguments: string;
  /** Id of the request that was approved; null where none was needed. */
  readonly approvalId: string | null;
}
type Status = OutputMessageJson['status'];

/** Prefixes of item ids. */
const PREFIXES = {
  message: 'msg',
  function_call: 'fc',
  function_call_output: 'fco',
  custom_tool_call: 'ctc',
  custom_tool_call_output: 'ctco',
  file_search_call: 'fs',
  mcp_list_tools: 'mcpl',
  mcp_call: 'mcp',
  mcp_approval_request: 'mcpr',
  mcp_approval_response: 'mcpa',
} as const;
export type ItemType = keyof typeof PREFIXES;

const N_OWNER_DIGIT = 32;
const N_PLACE_DIGIT = 4;
/** Places of what was sent begin here; there are at most MAX_ITEMS of them. */
const FIRST_INPUT = 0x8000;
const ITEM_ID = new RegExp(
  `^(?:${Object.values(PREFIXES).join('|')})_([0-9a-f]{${N_OWNER_DIGIT}})[0-9a-f]{${N_PLACE_DIGIT}}$`,
);

/**
 * The id of an item says which response or conversation it is of, so that a reference to it needs no index.
 * @param ownerId of the response or conversation: a prefix and 32 hexadecimal digits
 * @param place unique among the outputs of that owner
 */
export function itemId(type: ItemType, ownerId: string, place: number): string {
  const digits = ownerId.slice(-N_OWNER_DIGIT);
  return `${PREFIXES[type]}_${digits}${place.toString(16).padStart(N_PLACE_DIGIT, '0')}`;
}

/** The same of what was sent. */
export const inputItemId = (type: ItemType, ownerId: string, place: number): string =>
  itemId(type, ownerId, FIRST_INPUT + place);

/** The place after those of items that were sent: ids of deleted ones are used again only at the end. */
export function nextPlace(items: readonly { readonly id: string }[]): number {
  const places = items.map(({ id }) => parseInt(id.slice(-N_PLACE_DIGIT), 16) - FIRST_INPUT + 1);
  return Math.max(0, ...places);
}

/** Ids of items that are no part of a conversation. */
export const isSearchId = (id: string): boolean =>
  id.startsWith(`${PREFIXES.file_search_call}_`) || id.startsWith(`${PREFIXES.mcp_list_tools}_`);

/** The digits that ids of an item's owner end in; null for what is no id of an item. */
export const ownerOfItem = (id: string): string | null => ITEM_ID.exec(id)?.[1] ?? null;

/** The open item: as it was begun, and its content so far. */
interface OpenItem {
  readonly item: OutputMessageJson | FunctionCallJson | CustomCallJson;
  /** Text of a message or of a custom tool's input, or JSON of a call's arguments. */
  text: string;
  readonly tokens: ChatTokenJson[];
}

/** One item is open at a time; texts and calls come one after the other. */
export class OutputItems {
  readonly #wantsLogprobs: boolean;
  readonly #done: OutputItemJson[] = [];
  #open: OpenItem | null = null;
  /** The call of an MCP server that runs. */
  #serverCall: McpCallJson | null = null;

  readonly #responseId: string;

  readonly #annotate: (text: string) => OutputTextJson['annotations'];
  readonly #customNames: ReadonlySet<string>;

  /** @param customNames of the tools whose calls have inputs */
  constructor(
    responseId: string,
    wantsLogprobs: boolean,
    customNames: ReadonlySet<string>,
    annotate: (text: string) => OutputTextJson['annotations'],
  ) {
    this.#customNames = customNames;
    this.#annotate = annotate;
    this.#responseId = responseId;
    this.#wantsLogprobs = wantsLogprobs;
  }

  /** The finished items. */
  get all(): OutputItemJson[] {
    return [...this.#done];
  }

  /** Adds text, in a new message if none is open; empty text has no event. */
  *text(delta: string, tokens: readonly ChatTokenJson[]): Events {
    const logprobs = this.#wantsLogprobs ? [...tokens] : [];
    if (delta === '' && logprobs.length === 0) return;
    const message = yield* this.#openMessage();
    message.text += delta;
    message.tokens.push(...logprobs);
    yield { type: 'response.output_text.delta', ...this.#place(message), ...PART, delta, logprobs };
  }

  /** A search that was made before the answer. */
  *search({ query, results }: FileSearch, wantsResults: boolean): Events {
    const output_index = this.#done.length;
    const item: FileSearchCallJson = {
      ...{ id: this.#newId('file_search_call'), type: 'file_search_call', status: 'in_progress' },
      ...{ queries: [query], results: null },
    };
    yield { type: 'response.output_item.added', output_index, item };
    const place = { item_id: item.id, output_index };
    yield { type: 'response.file_search_call.in_progress', ...place };
    yield { type: 'response.file_search_call.searching', ...place };
    yield { type: 'response.file_search_call.completed', ...place };
    const found = results.map(({ content, ...result }) => ({
      ...{ ...result, text: content.map(({ text }) => text).join('\n') },
    }));
    const done = { ...item, status: 'completed' as const, results: wantsResults ? found : null };
    yield { type: 'response.output_item.done', output_index, item: done };
    this.#done.push(done);
  }

  /** The tools of an MCP server, listed before the answer. */
  *serverTools(label: string, tools: readonly ListedToolJson[]): Events {
    const item: McpListToolsJson = {
      ...{ id: this.#newId('mcp_list_tools'), type: 'mcp_list_tools', server_label: label },
      ...{ tools: [], error: null },
    };
    const place = yield* this.#addWhole(item);
    yield { type: 'response.mcp_list_tools.in_progress', ...place };
    yield { type: 'response.mcp_list_tools.completed', ...place };
    yield* this.#finish({ ...item, tools: [...tools] });
  }

  /** A call of an MCP server begins; `serverResult` ends it. */
  *serverCall(call: ServerCall): Events {
    yield* this.end('completed');
    const item: McpCallJson = {
      ...{ id: this.#newId('mcp_call'), type: 'mcp_call', status: 'in_progress' },
      ...{ server_label: call.label, name: call.name, arguments: '' },
      ...{ output: null, error: null, approval_request_id: call.approvalId },
    };
    const place = yield* this.#addWhole(item);
    yield { type: 'response.mcp_call.in_progress', ...place };
    yield { type: 'response.mcp_call_arguments.delta', ...place, delta: call.arguments };
    yield { type: 'response.mcp_call_arguments.done', ...place, arguments: call.arguments };
    this.#serverCall = { ...item, arguments: call.arguments };
  }

  *serverResult({ output, error }: Pick<McpCallJson, 'output' | 'error'>): Events {
    const item = this.#serverCall;
    if (item === null) return;
    this.#serverCall = null;
    const status = error === null ? 'completed' : 'failed';
    const place = { item_id: item.id, output_index: this.#done.length };
    yield { type: `response.mcp_call.${status}`, ...place };
    yield* this.#finish({ ...item, output, error, status });
  }

  *approval({ label, name, arguments: json }: Omit<ServerCall, 'approvalId'>): Events {
    yield* this.end('completed');
    const item: ApprovalRequestJson = {
      ...{ id: this.#newId('mcp_approval_request'), type: 'mcp_approval_request' },
      ...{ server_label: label, name, arguments: json },
    };
    yield* this.#addWhole(item);
    yield* this.#finish(item);
  }

  *#addWhole(item: OutputItemJson): Generator<UnnumberedEvent, ItemPlace, void> {
    const output_index = this.#done.length;
    yield { type: 'response.output_item.added', output_index, item };
    return { item_id: item.id, output_index };
  }

  *#finish(item: OutputItemJson): Events {
    yield { type: 'response.output_item.done', output_index: this.#done.length, item };
    this.#done.push(item);
  }

  *call(callId: string, name: string): Events {
    yield* this.end('completed');
    const head = { status: 'in_progress', call_id: callId, name } as const;
    if (this.#customNames.has(name)) {
      const id = this.#newId('custom_tool_call');
      yield* this.#begin({ id, type: 'custom_tool_call', ...head, input: '' });
    } else {
      const id = this.#newId('function_call');
      yield* this.#begin({ id, type: 'function_call', ...head, arguments: '' });
    }
  }

  /** Adds to the arguments, or the input, of the open call. */
  *arguments(delta: string): Events {
    if (this.#open === null) return;
    this.#open.text += delta;
    const place = this.#place(this.#open);
    if (this.#open.item.type === 'custom_tool_call')
      yield { type: 'response.custom_tool_call_input.delta', ...place, delta };
    else yield { type: 'response.function_call_arguments.delta', ...place, delta };
  }

  /** Ends the open item, if any. */
  *end(status: Status): Events {
    const open = this.#open;
    if (open === null) return;
    const place = this.#place(open);
    const item = itemOf(open, status, this.#annotate);
    if (item.type === 'message') {
      const part = partOf(open, this.#annotate);
      const { text, logprobs } = part;
      yield { type: 'response.output_text.done', ...place, ...PART, text, logprobs };
      yield { type: 'response.content_part.done', ...place, ...PART, part };
    } else if (item.type === 'custom_tool_call') {
      yield { type: 'response.custom_tool_call_input.done', ...place, input: item.input };
    } else {
      const { name, arguments: json } = item;
      yield { type: 'response.function_call_arguments.done', ...place, name, arguments: json };
    }
    yield { type: 'response.output_item.done', output_index: this.#done.length, item };
    this.#done.push(item);
    this.#open = null;
  }

  *#openMessage(): Generator<UnnumberedEvent, OpenItem, void> {
    if (this.#open?.item.type === 'message') return this.#open;
    yield* this.end('completed');
    const open = yield* this.#begin({
      ...{ id: this.#newId('message'), type: 'message', status: 'in_progress' },
      ...{ role: 'assistant', content: [] },
    });
    const part = partOf(open, this.#annotate);
    yield { type: 'response.content_part.added', ...this.#place(open), ...PART, part };
    return open;
  }

  *#begin(item: OpenItem['item']): Generator<UnnumberedEvent, OpenItem, void> {
    const open = { item, text: '', tokens: [] };
    this.#open = open;
    yield { type: 'response.output_item.added', output_index: this.#done.length, item };
    return open;
  }

  #newId(type: ItemType): string {
    return itemId(type, this.#responseId, this.#done.length);
  }

  #place({ item }: OpenItem) {
    return { item_id: item.id, output_index: this.#done.length };
  }
}

/** A message has one part. */
const PART = { content_index: 0 };

type Annotate = (text: string) => OutputTextJson['annotations'];

function partOf({ text, tokens }: OpenItem, annotate: Annotate): OutputTextJson {
  return { type: 'output_text', text, annotations: annotate(text), logprobs: [...tokens] };
}

function itemOf(open: OpenItem, status: Status, annotate: Annotate): OpenItem['item'] {
  const { item } = open;
  if (item.type === 'message') return { ...item, status, content: [partOf(open, annotate)] };
  if (item.type === 'custom_tool_call') return { ...item, status, input: open.text };
  return { ...item, status, arguments: open.text };
}
