/** Items of a response's output as they are made, with their events. */
import type {
  FunctionCallJson,
  OutputItemJson,
  OutputMessageJson,
  OutputTextJson,
} from './item-schema.ts';
import type { UnnumberedEvent } from './schema.ts';
import type { ChatTokenJson } from '../chat/token-json.ts';

type Events = Generator<UnnumberedEvent, void, void>;
type Status = OutputItemJson['status'];

/** Prefixes of item ids. */
const PREFIXES = { message: 'msg', function_call: 'fc', function_call_output: 'fco' } as const;

export function newItemId(type: keyof typeof PREFIXES): string {
  return `${PREFIXES[type]}_${crypto.randomUUID().replaceAll('-', '')}`;
}

/** The open item: as it was begun, and its content so far. */
interface OpenItem {
  readonly item: OutputMessageJson | FunctionCallJson;
  /** Text of a message, or JSON of a call's arguments. */
  text: string;
  readonly tokens: ChatTokenJson[];
}

/** One item is open at a time; texts and calls come one after the other. */
export class OutputItems {
  readonly #wantsLogprobs: boolean;
  readonly #done: OutputItemJson[] = [];
  #open: OpenItem | null = null;

  constructor(wantsLogprobs: boolean) {
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

  *call(callId: string, name: string): Events {
    yield* this.end('completed');
    yield* this.#begin({
      ...{ id: newItemId('function_call'), type: 'function_call', status: 'in_progress' },
      ...{ call_id: callId, name, arguments: '' },
    });
  }

  /** Adds to the arguments of the open call. */
  *arguments(delta: string): Events {
    if (this.#open === null) return;
    this.#open.text += delta;
    yield { type: 'response.function_call_arguments.delta', ...this.#place(this.#open), delta };
  }

  /** Ends the open item, if any. */
  *end(status: Status): Events {
    const open = this.#open;
    if (open === null) return;
    const place = this.#place(open);
    const item = itemOf(open, status);
    if (item.type === 'message') {
      const part = partOf(open);
      const { text, logprobs } = part;
      yield { type: 'response.output_text.done', ...place, ...PART, text, logprobs };
      yield { type: 'response.content_part.done', ...place, ...PART, part };
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
      ...{ id: newItemId('message'), type: 'message', status: 'in_progress' },
      ...{ role: 'assistant', content: [] },
    });
    const part = partOf(open);
    yield { type: 'response.content_part.added', ...this.#place(open), ...PART, part };
    return open;
  }

  *#begin(item: OpenItem['item']): Generator<UnnumberedEvent, OpenItem, void> {
    const open = { item, text: '', tokens: [] };
    this.#open = open;
    yield { type: 'response.output_item.added', output_index: this.#done.length, item };
    return open;
  }

  #place({ item }: OpenItem) {
    return { item_id: item.id, output_index: this.#done.length };
  }
}

/** A message has one part. */
const PART = { content_index: 0 };

function partOf({ text, tokens }: OpenItem): OutputTextJson {
  return { type: 'output_text', text, annotations: [], logprobs: [...tokens] };
}

function itemOf(open: OpenItem, status: Status): OutputItemJson {
  const { item } = open;
  if (item.type === 'message') return { ...item, status, content: [partOf(open)] };
  return { ...item, status, arguments: open.text };
}
