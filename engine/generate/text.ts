/** A generation's text: the content of its positions, prompt and completion. */
import { rowKey } from '../cache/prefix-key.ts';
import type { ItemKey } from '../cache/prefix-key.ts';
import type { PositionInput } from '../model/decoder/contract.ts';
import { promptLength } from './prompt.ts';
import type { Prompt } from './prompt.ts';

export class Text {
  /** By position: its key in the cache. */
  readonly items: ItemKey[] = [];
  /** The tokens in order, without rows, as samplers and look-ups see them. Grows in place. */
  readonly tokens: number[] = [];
  /**
   * For each token, and for the next one to come: index in `tokens` of the first of its run. Rows
   * between two tokens begin a new run, so that tokens on both sides of rows are not neighbours.
   */
  readonly runStarts: number[] = [0];
  /** Positions of the prompt, and how many of them are tokens. */
  readonly nPrompt: number;
  readonly nPromptTokens: number;
  /** Values by a row's key, [nEmbd] each. */
  readonly #rows = new Map<ItemKey, Float32Array>();

  constructor(prompt: Prompt, nEmbd: number) {
    for (const segment of prompt)
      if (segment.kind === 'tokens') for (const token of segment.ids) this.push(token);
      else this.#pushRows(segment.rows, segment.hash, nEmbd);
    this.nPrompt = promptLength(prompt, nEmbd);
    this.nPromptTokens = this.tokens.length;
  }

  /** Number of positions. */
  get length(): number {
    return this.items.length;
  }

  get hasRows(): boolean {
    return this.#rows.size > 0;
  }

  push(token: number): void {
    this.items.push(token);
    this.tokens.push(token);
    this.runStarts.push(this.runStarts.at(-1));
  }

  /** The token at `position`; null where a row stands or nothing yet. */
  tokenAt(position: number): number | null {
    const item = this.items[position];
    return typeof item === 'number' ? item : null;
  }

  /** Inputs from which positions [start, end) are evaluated. */
  inputs(start: number, end: number): PositionInput[] {
    return this.items
      .slice(start, end)
      .map((item) =>
        typeof item === 'number' ? item : { key: item, values: this.#rows.get(item)! },
      );
  }

  #pushRows(rows: Float32Array, hash: string, nEmbd: number): void {
    this.runStarts[this.tokens.length] = this.tokens.length;
    for (let i = 0; i < rows.length / nEmbd; i++) {
      const key = rowKey(hash, i);
      this.items.push(key);
      this.#rows.set(key, rows.subarray(i * nEmbd, (i + 1) * nEmbd));
    }
  }
}
