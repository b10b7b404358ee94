/** A generation's text: the content of its positions, an adapter's trained prefix, prompt and completion. */
import { rowKey } from '../cache/prefix-key.ts';
import type { ItemKey } from '../cache/prefix-key.ts';
import { keyWith, prefixKeys } from '../model/decoder/contract.ts';
import type { AdapterHandle, PositionInput } from '../model/decoder/contract.ts';
import { promptLength } from './prompt.ts';
import type { Prompt } from './prompt.ts';
import type { AdapterActivation } from './types.ts';

/** An adapter that applies from the last occurrence of tokens in a prompt on, those included, or from its first row on. */
export interface Activation {
  readonly adapter: AdapterHandle;
  readonly from: NonNullable<AdapterActivation>;
}

export class Text {
  /** By position: its key in the cache. */
  readonly items: ItemKey[] = [];
  /** Position from which on an adapter applies that its root does not name; Infinity for none. */
  readonly activeFrom: number;
  /** The tokens in order, without rows, as samplers and look-ups see them. Grows in place. */
  readonly tokens: number[] = [];
  /**
   * For each token, and for the next one to come: index in `tokens` of the first of its run. Rows
   * between two tokens begin a new run, so that tokens on both sides of rows are not neighbours.
   */
  readonly runStarts: number[] = [0];
  /** Positions of a trained prefix, which come first and are evaluated from nothing. */
  readonly nPrefix: number;
  /** Positions of the prefix and the prompt, and how many of them are tokens. */
  readonly nPrompt: number;
  readonly nPromptTokens: number;
  /** By position after the prefix: what it is evaluated from. */
  readonly #inputs: PositionInput[] = [];
  readonly #activated: AdapterHandle | null;
  #hasRows = false;

  /**
   * @param activation of an adapter that does not apply everywhere
   * @param adapter that applies everywhere, whose prefix the text begins with
   */
  constructor(
    prompt: Prompt,
    nEmbd: number,
    activation: Activation | null = null,
    adapter: AdapterHandle | null = null,
  ) {
    this.items.push(...prefixKeys(adapter));
    this.nPrefix = this.items.length;
    this.activeFrom = activation === null ? Infinity : startOf(prompt, nEmbd, activation.from);
    this.#activated = activation?.adapter ?? null;
    for (const segment of prompt)
      if (segment.kind === 'tokens') for (const token of segment.ids) this.push(token);
      else this.#pushRows(segment.rows, segment.hash, nEmbd);
    this.nPrompt = this.nPrefix + promptLength(prompt, nEmbd);
    this.nPromptTokens = this.tokens.length;
  }

  /** Number of positions. */
  get length(): number {
    return this.items.length;
  }

  get hasRows(): boolean {
    return this.#hasRows;
  }

  push(token: number): void {
    this.#pushInput(token);
    this.tokens.push(token);
    this.runStarts.push(this.runStarts.at(-1));
  }

  /** The token at `position`; null where a prefix or a row stands or nothing yet. */
  tokenAt(position: number): number | null {
    const input = this.#inputs[position - this.nPrefix];
    return typeof input === 'number' ? input : null;
  }

  /** Inputs from which positions [start, end) are evaluated, which are after the prefix. */
  inputs(start: number, end: number): PositionInput[] {
    return this.#inputs.slice(start - this.nPrefix, end - this.nPrefix);
  }

  #pushInput(input: PositionInput): void {
    const isActive = this.items.length >= this.activeFrom;
    this.items.push(keyWith(isActive ? this.#activated : null, input));
    this.#inputs.push(input);
  }

  #pushRows(rows: Float32Array, hash: string, nEmbd: number): void {
    this.#hasRows = true;
    this.runStarts[this.tokens.length] = this.tokens.length;
    for (let i = 0; i < rows.length / nEmbd; i++) {
      const values = rows.subarray(i * nEmbd, (i + 1) * nEmbd);
      this.#pushInput({ key: rowKey(hash, i), values });
    }
  }
}

function startOf(prompt: Prompt, nEmbd: number, from: Activation['from']): number {
  return from === 'rows' ? firstRow(prompt, nEmbd) : lastStart(prompt, nEmbd, from);
}

/** The position of the first row in a prompt; Infinity without any. */
function firstRow(prompt: Prompt, nEmbd: number): number {
  const at = prompt.findIndex(({ kind }) => kind === 'rows');
  return at < 0 ? Infinity : promptLength(prompt.slice(0, at), nEmbd);
}

/** The position where `tokens` last begin in a prompt; Infinity when they do not occur. */
function lastStart(prompt: Prompt, nEmbd: number, tokens: readonly number[]): number {
  let end = promptLength(prompt, nEmbd);
  for (const segment of prompt.toReversed()) {
    const start = end - promptLength([segment], nEmbd);
    if (segment.kind === 'tokens')
      for (let at = segment.ids.length - tokens.length; at >= 0; at--)
        if (tokens.every((token, i) => segment.ids[at + i] === token)) return start + at;
    end = start;
  }
  return Infinity;
}
