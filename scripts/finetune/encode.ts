/** Rows of data as tokens to learn from: which of them are learned, and from where on the adapter counts. */
import { EngineError } from '../../engine/base/errors.ts';
import type { DecoderManifest } from '../../engine/manifest/manifest.ts';
import { ChatTemplate, type ChatTemplateOptions } from '../../engine/text/chat-template.ts';
import type { Tokenizer } from '../../engine/text/tokenizer.ts';
import type { Shares } from './adapter-training.ts';
import type { Message, NumberedRow, Row, RowForm } from './rows.ts';

export interface EncodedText {
  readonly tokens: Uint32Array;
  /** Per token whether it is learned; the first never is. */
  readonly learned: Uint8Array;
  /** The adapter counts from this token on. */
  readonly activeFrom: number;
  /** How much each token that is learned counts; 1 by default. */
  readonly weight?: number;
  /** What a teacher says of each token that is learned, in their order; none where the tokens themselves are learned. */
  readonly shares?: Shares;
  /** The picture that stands in it: its tokens there are not read. */
  readonly picture?: PicturePlace;
}

/** A picture of a set, and the first token that it takes the place of. */
export interface PicturePlace {
  readonly index: number;
  readonly at: number;
}

/** What is learned from one row. */
export interface Example {
  readonly line: number;
  /** One text; of a preference the chosen one, then the rejected one. */
  readonly texts: readonly EncodedText[];
  /** Tokens that all texts begin with, of which none is learned: they are in memory once. None by default. */
  readonly nShared?: number;
  /** Beginning of the text that what is learned answers, for samples. */
  readonly prompt: readonly number[];
}

export interface EncodeOptions {
  readonly tokenizer: Tokenizer;
  readonly manifest: Pick<DecoderManifest, 'chatTemplate' | 'tokenizer'>;
  /** Tokens of a text; what is longer is cut at its end. */
  readonly maxTokens: number;
  /** Tokens that switch the adapter on; null for one that always counts. */
  readonly invocation: readonly number[] | null;
}

export interface Encoded {
  readonly form: RowForm;
  readonly examples: readonly Example[];
  /** Rows that were cut at maxTokens. */
  readonly nCut: number;
  /** Rows of which nothing to learn is within maxTokens. */
  readonly nSkipped: number;
}

/** Text that becomes tokens by itself. */
export interface Part {
  readonly tokens: readonly number[];
  readonly isLearned: boolean;
}

/** @throws {EngineError} E_USAGE for a row that the template refuses, that has no invocation, and when nothing is left */
export function encodeRows(rows: readonly NumberedRow[], options: EncodeOptions): Encoded {
  const encoder = new RowEncoder(options);
  let [nCut, nSkipped] = [0, 0];
  const examples: Example[] = [];
  for (const { line, row } of rows) {
    const parts = encoder.parts(row, line);
    const prompt = promptOf(parts[0]!, options.maxTokens);
    const texts = parts.map((one) => joinParts(one, options, line));
    if (texts.some(({ isCut }) => isCut)) nCut++;
    if (texts.some(({ learned }) => !learned.includes(1))) nSkipped++;
    else examples.push({ line, texts, prompt });
  }
  if (examples.length === 0)
    throw new EngineError(
      'E_USAGE',
      `data: no row has anything to learn within ${options.maxTokens} tokens. Shorten the prompts, or give a larger --max-tokens.`,
    );
  return { form: rows[0]!.row.form, examples, nCut, nSkipped };
}

/** A character in messages that something else stands for in tokens. */
export interface Mark {
  readonly character: string;
  /** Names of special tokens. */
  readonly literal: string;
}

export class RowEncoder {
  readonly #tokenizer: Tokenizer;
  readonly #mark: Mark | null;
  readonly #template: ChatTemplate;
  readonly #options: ChatTemplateOptions;
  readonly #hasTemplate: boolean;
  readonly #endId: number | undefined;
  readonly #eosIds: readonly number[];

  constructor(
    { tokenizer, manifest }: Pick<EncodeOptions, 'tokenizer' | 'manifest'>,
    mark: Mark | null = null,
  ) {
    this.#mark = mark;
    const { bosId, eosIds } = manifest.tokenizer;
    this.#tokenizer = tokenizer;
    this.#template = new ChatTemplate(manifest.chatTemplate);
    this.#hasTemplate = manifest.chatTemplate !== null;
    this.#eosIds = eosIds;
    this.#endId = eosIds[0];
    this.#options = {
      bosToken: tokenizer.literalOf(bosId),
      eosToken: tokenizer.literalOf(eosIds[0]),
      specialLiterals: tokenizer.specialLiterals,
    };
  }

  /**
   * Tokens of a conversation up to where the assistant answers, as a request has them.
   * @throws {EngineError} E_USAGE for a model without a chat template
   */
  asked(messages: readonly Message[]): number[] {
    if (!this.#hasTemplate)
      throw new EngineError(
        'E_USAGE',
        'document: this model has no chat template, so that it cannot be asked. Take an instruction-tuned one.',
      );
    const rendered = this.#render(messages, true, 1);
    return this.#cut(rendered, 0, rendered.text.length);
  }

  /** The parts of each text of a row. */
  parts(row: Row, line: number): Part[][] {
    switch (row.form) {
      case 'messages':
        return [this.#conversation(row.messages, line, false)];
      case 'completion':
        return [this.#completed(row.prompt, row.completion)];
      case 'text':
        return [[{ tokens: [...this.#raw(row.text, true), ...this.#end()], isLearned: true }]];
      case 'preference':
        return [row.chosen, row.rejected].map((answer) => this.#answered(row.prompt, answer, line));
    }
  }

  #answered(
    prompt: string | readonly Message[],
    answer: string | readonly Message[],
    line: number,
  ) {
    if (typeof prompt === 'string' && typeof answer === 'string')
      return this.#completed(prompt, answer);
    const asked =
      typeof prompt === 'string' ? [{ role: 'user' as const, content: prompt }] : prompt;
    const said =
      typeof answer === 'string' ? [{ role: 'assistant' as const, content: answer }] : answer;
    return this.#conversation([...asked, ...said], line, true);
  }

  #completed(prompt: string, completion: string): Part[] {
    return [
      { tokens: this.#raw(prompt, true), isLearned: false },
      { tokens: [...this.#raw(completion, false), ...this.#end()], isLearned: true },
    ];
  }

  /**
   * A conversation as the base's template writes it, cut where answers begin and end: what is before an answer has the
   * tokens that a request has.
   */
  #conversation(messages: readonly Message[], line: number, onlyLast: boolean): Part[] {
    if (!this.#hasTemplate)
      throw new EngineError(
        'E_USAGE',
        `line ${line}: messages: this model has no chat template. Write {"prompt", "completion"} rows.`,
      );
    const whole = this.#render(messages, false, line);
    const parts: Part[] = [];
    let at = 0;
    for (const [i, { role, weight }] of messages.entries()) {
      if (role !== 'assistant' || weight === 0 || (onlyLast && i < messages.length - 1)) continue;
      const before = this.#render(messages.slice(0, i), true, line);
      const after = this.#render(messages.slice(0, i + 1), false, line);
      if (!whole.text.startsWith(before.text) || !whole.text.startsWith(after.text))
        throw new EngineError(
          'E_USAGE',
          `line ${line}: messages.${i}: the model's chat template writes what is before this answer differently once it is there. Write {"prompt", "completion"} rows.`,
        );
      parts.push({ tokens: this.#cut(whole, at, before.text.length), isLearned: false });
      const answer = this.#cut(whole, before.text.length, after.text.length);
      // What the template writes after the end of a turn is never generated.
      const end = answer.findIndex((id) => this.#eosIds.includes(id)) + 1 || answer.length;
      parts.push({ tokens: answer.slice(0, end), isLearned: true });
      parts.push({ tokens: answer.slice(end), isLearned: false });
      at = after.text.length;
    }
    return parts;
  }

  #render(messages: readonly Message[], addGenerationPrompt: boolean, line: number) {
    try {
      const rendered = this.#template.render(messages, { ...this.#options, addGenerationPrompt });
      if (this.#mark === null) return rendered;
      const { character, literal } = this.#mark;
      return { ...rendered, text: rendered.text.replaceAll(character, literal) };
    } catch (error) {
      const what = error instanceof Error ? error.message : String(error);
      throw new EngineError('E_USAGE', `line ${line}: messages: ${what}`, { cause: error });
    }
  }

  #cut(
    { text, sentinel }: { readonly text: string; readonly sentinel: string },
    from: number,
    to: number,
  ): number[] {
    const ids = this.#tokenizer.encodeTemplate(text.slice(from, to), sentinel);
    const { addBos, bosId } = this.#tokenizer.facts;
    // Every part but the first would begin with one.
    return from > 0 && addBos && ids[0] === bosId ? ids.slice(1) : ids;
  }

  #raw(text: string, isStart: boolean): number[] {
    return this.#tokenizer.encode(text, { special: false, bos: isStart });
  }

  #end(): number[] {
    return this.#endId === undefined ? [] : [this.#endId];
  }
}

export function joinParts(
  parts: readonly Part[],
  { maxTokens, invocation }: Pick<EncodeOptions, 'maxTokens' | 'invocation'>,
  line: number,
): EncodedText & { readonly isCut: boolean } {
  const all = parts.flatMap(({ tokens }) => tokens);
  const learned = parts.flatMap(({ tokens, isLearned }) => tokens.map(() => (isLearned ? 1 : 0)));
  const isCut = all.length > maxTokens;
  const tokens = Uint32Array.from(all.slice(0, maxTokens));
  const wanted = Uint8Array.from(learned.slice(0, maxTokens));
  wanted[0] = 0;
  if (invocation === null) return { tokens, learned: wanted, activeFrom: 0, isCut };
  const activeFrom = lastOf(invocation, promptOf(parts, Infinity), tokens);
  if (activeFrom < 0)
    throw new EngineError(
      'E_USAGE',
      `line ${line}: the invocation does not occur in it, so that the adapter would never count. Add it to the prompt, or leave out --invocation.`,
    );
  wanted.fill(0, 0, Math.min(wanted.length, activeFrom + invocation.length));
  return { tokens, learned: wanted, activeFrom, isCut };
}

/** Where the invocation occurs last: before what is learned, or in all of a text without a prompt. */
function lastOf(
  invocation: readonly number[],
  prompt: readonly number[],
  tokens: Uint32Array,
): number {
  const within = prompt.length === 0 ? [...tokens] : prompt;
  for (let at = within.length - invocation.length; at >= 0; at--)
    if (invocation.every((id, i) => within[at + i] === id)) return at;
  return -1;
}

/** Tokens before the last part that is learned. */
function promptOf(parts: readonly Part[], maxTokens: number): number[] {
  const last = parts.findLastIndex(({ isLearned }) => isLearned);
  const before = parts.slice(0, last).flatMap(({ tokens }) => tokens);
  return before.slice(0, maxTokens);
}
