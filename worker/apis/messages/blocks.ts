/** Blocks of a message in Anthropic's shape as they are made, with their events. */
import type { AnswerBlock, MessageEventJson } from './schema.ts';

type Events = Generator<MessageEventJson, void, void>;

/** One block is open at a time; an answer without text has no text block. */
export class MessageBlocks {
  readonly #done: AnswerBlock[] = [];
  #open: AnswerBlock | null = null;
  /** Text of the open block, or the JSON of its input. */
  #text = '';

  /** The finished blocks. */
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

  /** Ends the open block, if any. */
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

/** Parses a call's input. A grammar makes it an object; it is empty only when the answer ended early. */
function inputOf(json: string): Record<string, unknown> {
  return JSON.parse(json === '' ? '{}' : json) as Record<string, unknown>;
}
