/**
 * Replaces personal data by placeholders such as <EMAIL_1>, and placeholders by what they stand for. One redactor a
 * conversation: the same value has the same number in all of it.
 */
import { invalidField } from '../../platform/invalid-field.ts';
import { takeTurn } from '../../platform/turns.ts';
import { REDACTION_KIND_NAMES, REDACTION_KINDS } from './kinds.ts';
import type { RedactionKind } from './kinds.ts';
import type { Span } from './span.ts';

/** Most values of one conversation. */
export const MAX_REDACTED = 1000;
export const MAX_PLACEHOLDER_CHARS = 16;
const PLACEHOLDER = /<[A-Z]{1,8}_[1-9]\d{0,4}>/g;
/** Characters that are looked through in one turn; a piece ends with a line, or at a space near its end. */
const PIECE_CHARS = 32_768;
const PIECE_END_CHARS = 2048;

/** A placeholder and its value. */
export type Redaction = readonly [placeholder: string, value: string];

interface Found extends Span {
  readonly kind: RedactionKind;
}

export class Redactor {
  readonly #kinds: readonly RedactionKind[];
  readonly #values = new Map<string, string>();
  readonly #placeholders = new Map<string, string>();
  /** Placeholders that texts had before: they stand for nothing, and are not given. */
  readonly #taken = new Set<string>();
  readonly #counts = new Map<RedactionKind, number>();

  /** @param known of earlier turns of the conversation */
  constructor(kinds: readonly RedactionKind[], known: readonly Redaction[] = []) {
    // In the order of the table, which decides about overlaps.
    this.#kinds = REDACTION_KIND_NAMES.filter((kind) => kinds.includes(kind));
    for (const [placeholder, value] of known) this.#add(placeholder, value);
  }

  /** All placeholders with their values, to be kept sealed for later turns. */
  get redactions(): Redaction[] {
    return [...this.#values];
  }

  /** How many of each kind were replaced: `email=2, phone=1`; "none" without any. */
  get summary(): string {
    const counts = this.#kinds.flatMap((kind) => {
      const n = this.#counts.get(kind);
      return n === undefined ? [] : [`${kind}=${n}`];
    });
    return counts.length === 0 ? 'none' : counts.join(', ');
  }

  /** How many of each kind were replaced so far. */
  get counts(): ReadonlyMap<RedactionKind, number> {
    return this.#counts;
  }

  /** The kinds that are looked for. */
  get kinds(): readonly RedactionKind[] {
    return this.#kinds;
  }

  /** Notes the placeholders of a text that is not redacted itself, so that they are not given again. */
  note(text: string): void {
    for (const [placeholder] of text.matchAll(PLACEHOLDER)) this.#taken.add(placeholder);
  }

  /** @throws {EngineError} E_REQUEST_INVALID for too many values */
  async redact(text: string): Promise<string> {
    this.note(text);
    const found = await this.#find(text);
    let redacted = '';
    let from = 0;
    for (const { kind, start, end } of found) {
      redacted += text.slice(from, start) + this.#placeholder(kind, text.slice(start, end));
      this.#counts.set(kind, (this.#counts.get(kind) ?? 0) + 1);
      from = end;
    }
    return redacted + text.slice(from);
  }

  /** A text that may have known values in it, such as a restored answer, as it may be stored. */
  async hide(text: string): Promise<string> {
    let hidden = text;
    const values = [...this.#placeholders].sort(([a], [b]) => b.length - a.length);
    for (const [value, placeholder] of values) hidden = hidden.replaceAll(value, () => placeholder);
    const counts = new Map(this.#counts);
    const redacted = await this.redact(hidden);
    this.#counts.clear();
    for (const [kind, n] of counts) this.#counts.set(kind, n);
    return redacted;
  }

  /** What a placeholder stands for; null for one that stands for nothing. */
  valueOf(placeholder: string): string | null {
    return this.#values.get(placeholder) ?? null;
  }

  /** @param write a value as the text has it, such as in a JSON string */
  restore(text: string, write: (value: string) => string = (value) => value): string {
    return text.replaceAll(PLACEHOLDER, (placeholder) => {
      const value = this.valueOf(placeholder);
      return value === null ? placeholder : write(value);
    });
  }

  /** In the order of the text; none overlaps another. Others have a turn after each piece of a long text. */
  async #find(text: string): Promise<Found[]> {
    const found: Found[] = [];
    for (let from = 0; from < text.length;) {
      const to = pieceEnd(text, from);
      for (const { kind, start, end } of this.#findInPiece(text.slice(from, to)))
        found.push({ kind, start: from + start, end: from + end });
      from = to;
      if (from < text.length) await takeTurn();
    }
    return found;
  }

  #findInPiece(piece: string): Found[] {
    const mask = new Uint8Array(piece.length);
    for (const { index, 0: placeholder } of piece.matchAll(PLACEHOLDER))
      mask.fill(1, index, index + placeholder.length);
    const found: Found[] = [];
    for (const kind of this.#kinds)
      for (const { start, end } of REDACTION_KINDS[kind].find(piece)) {
        if (mask.subarray(start, end).includes(1)) continue;
        mask.fill(1, start, end);
        found.push({ kind, start, end });
      }
    return found.sort((a, b) => a.start - b.start);
  }

  #placeholder(kind: RedactionKind, value: string): string {
    const known = this.#placeholders.get(value);
    if (known !== undefined) return known;
    if (this.#values.size >= MAX_REDACTED)
      throw invalidField(
        'redact',
        `expected at most ${MAX_REDACTED} different values to redact in one conversation, got more. Send less at once`,
        { details: { maxValues: MAX_REDACTED } },
      );
    const { label } = REDACTION_KINDS[kind];
    let n = 1;
    while (this.#values.has(`<${label}_${n}>`) || this.#taken.has(`<${label}_${n}>`)) n++;
    const placeholder = `<${label}_${n}>`;
    this.#add(placeholder, value);
    return placeholder;
  }

  #add(placeholder: string, value: string): void {
    this.#values.set(placeholder, value);
    this.#placeholders.set(value, placeholder);
  }
}

function pieceEnd(text: string, from: number): number {
  const to = from + PIECE_CHARS;
  if (to >= text.length) return text.length;
  const near = text.slice(to - PIECE_END_CHARS, to);
  const line = near.lastIndexOf('\n');
  const cut = line >= 0 ? line : near.lastIndexOf(' ');
  return cut < 0 ? to : to - PIECE_END_CHARS + cut + 1;
}
