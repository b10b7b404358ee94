/**
 * Splits an answer into text and tool calls as it arrives. Reads what the grammar of tools.ts allows:
 * nothing else can occur, so nothing is guessed.
 */
import { heldLength } from '../../../engine/text/stop-strings.ts';
import type { CallSyntax, ToolFormat } from './tool-formats.ts';

export type ToolEvent =
  | { readonly type: 'text'; readonly text: string }
  /** A call begins. */
  | { readonly type: 'call'; readonly index: number; readonly id: string; readonly name: string }
  /** More of the JSON text of the arguments. */
  | { readonly type: 'arguments'; readonly index: number; readonly text: string };

type State = 'start' | 'text' | 'plain' | 'head' | 'arguments' | 'tail';

export class ToolSplitter {
  readonly #format: ToolFormat;
  #state: State;
  #held = '';
  #nCall = 0;
  #depth = 0;
  #inString = false;
  #isEscaped = false;

  constructor({ format, isAtStart }: CallSyntax) {
    this.#format = format;
    this.#state = isAtStart ? 'start' : 'text';
  }

  /** Number of calls that have begun. */
  get nCalls(): number {
    return this.#nCall;
  }

  /** Whether the text has ended and calls follow. */
  get isInCalls(): boolean {
    return this.#state === 'head' || this.#state === 'arguments' || this.#state === 'tail';
  }

  push(part: string): ToolEvent[] {
    this.#held += part;
    const events: ToolEvent[] = [];
    // Each state consumes what it can, and says whether another step is possible.
    while (this.#step(events));
    return events;
  }

  /** Text that was held back because it could have become a call. */
  flush(): string {
    const text = this.isInCalls ? '' : this.#held;
    this.#held = '';
    return text;
  }

  #step(events: ToolEvent[]): boolean {
    if (this.#state === 'start') return this.#takeStart();
    if (this.#state === 'text') return this.#takeText(events);
    if (this.#state === 'plain') return this.#takePlain(events);
    if (this.#state === 'head') return this.#takeHead(events);
    if (this.#state === 'arguments') return this.#takeArguments(events);
    return this.#takeTail();
  }

  /** Decides between a call and text as soon as they differ. */
  #takeStart(): boolean {
    const { trigger } = this.#format;
    if (this.#held.startsWith(trigger)) this.#state = 'head';
    else if (trigger.startsWith(this.#held)) return false;
    else this.#state = 'plain';
    return true;
  }

  #takePlain(events: ToolEvent[]): boolean {
    if (this.#held !== '') events.push({ type: 'text', text: this.#held });
    this.#held = '';
    return false;
  }

  #takeText(events: ToolEvent[]): boolean {
    const { trigger } = this.#format;
    const at = this.#held.indexOf(trigger);
    const end = at >= 0 ? at : this.#held.length - heldLength(this.#held, [trigger]);
    if (end > 0) events.push({ type: 'text', text: this.#held.slice(0, end) });
    this.#held = this.#held.slice(end);
    if (at < 0) return false;
    this.#state = 'head';
    return true;
  }

  #takeHead(events: ToolEvent[]): boolean {
    const { start, open, between, middle } = this.#format;
    const before = this.#nCall === 0 ? start + open : between + open;
    // Names contain no quotation mark, with which the middle begins.
    const nameEnd = this.#held.indexOf('"', before.length);
    if (nameEnd < 0 || this.#held.length < nameEnd + middle.length) return false;
    const name = this.#held.slice(before.length, nameEnd);
    const id = `call_${crypto.randomUUID().replaceAll('-', '').slice(0, 24)}`;
    events.push({ type: 'call', index: this.#nCall++, id, name });
    this.#held = this.#held.slice(nameEnd + middle.length);
    this.#state = 'arguments';
    this.#depth = 0;
    return true;
  }

  #takeArguments(events: ToolEvent[]): boolean {
    const end = this.#argumentsEnd();
    const text = this.#held.slice(0, end ?? this.#held.length);
    if (text !== '') events.push({ type: 'arguments', index: this.#nCall - 1, text });
    this.#held = this.#held.slice(text.length);
    if (end === null) return false;
    this.#state = 'tail';
    return true;
  }

  /** Index after the brace that closes the object; null before it has arrived. */
  #argumentsEnd(): number | null {
    for (let i = 0; i < this.#held.length; i++) {
      const char = this.#held[i];
      if (this.#inString) {
        if (this.#isEscaped) this.#isEscaped = false;
        else if (char === '\\') this.#isEscaped = true;
        else if (char === '"') this.#inString = false;
      } else if (char === '"') this.#inString = true;
      else if (char === '{' || char === '[') this.#depth++;
      else if ((char === '}' || char === ']') && --this.#depth === 0) return i + 1;
    }
    return null;
  }

  /** Drops the end of a call; another one may follow. */
  #takeTail(): boolean {
    const { close, between, open } = this.#format;
    if (this.#held.length < close.length + (between + open).length) return false;
    this.#held = this.#held.slice(close.length);
    this.#state = 'head';
    return true;
  }
}
