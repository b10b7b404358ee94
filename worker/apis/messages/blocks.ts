/** The blocks of a message in Anthropic's shape as they are made, with the events that tell of them. */
import type { AnswerBlock, MessageEventJson } from './schema.ts';

type Events = Generator<MessageEventJson, void, void>;

/** One block at a time is open; an answer without text has no block of text. */
export class MessageBlocks {
  readonly #done: AnswerBlock[] = [];
  #open: AnswerBlock | null = null;
  /** Of the block that is open: its text, or the JSON of its input. */
  #text = '';

  /** Those that are over. */
  get all(): AnswerBlock[] {
    return [...this.#done];
  }

  *addText(text: string): Events {
    if (text === '') return;
    if (this.#open?.type !== 'text') yield* this.#begin({ type: 'text', text: '' });
    this.#text += text;
    yield this.#delta({ type: 'text_delta', text });
  }

  *addCall(id: string, name: string): Events {
    yield* this.#begin({ type: 'tool_use', id: id.replace(/^call_/, 'toolu_'), name, input: {} });
  }

  *addArguments(json: string): Events {
    this.#text += json;
    yield this.#delta({ type: 'input_json_delta', partial_json: json });
  }

  /** Ends the block that is open, if one is. */
  *end(): Events {
    if (this.#open === null) return;
    yield { type: 'content_block_stop', index: this.#done.length };
    this.#done.push(
      this.#open.type === 'text'
        ? { ...this.#open, text: this.#text }
        : { ...this.#open, input: inputOf(this.#text) },
    );
    this.#open = null;
  }

  *#begin(block: AnswerBlock): Events {
    yield* this.end();
    this.#open = block;
    this.#text = '';
    yield { type: 'content_block_start', index: this.#done.length, content_block: block };
  }

  #delta(
    delta: Extract<MessageEventJson, { type: 'content_block_delta' }>['delta'],
  ): MessageEventJson {
    return { type: 'content_block_delta', index: this.#done.length, delta };
  }
}

/** Made under a grammar of an object; empty only when the answer ended before it. */
function inputOf(json: string): Record<string, unknown> {
  return JSON.parse(json === '' ? '{}' : json) as Record<string, unknown>;
}
