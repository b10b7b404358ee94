/**
 * Answers with placeholders as answers with what they stand for. A placeholder can be cut anywhere: what may be the
 * beginning of one waits for what follows.
 */
import type { Delta } from '../generation/run-generation.ts';
import { MAX_PLACEHOLDER_CHARS } from './redactor.ts';
import type { Redactor } from './redactor.ts';

type TextDelta = Extract<Delta, { type: 'text' }>;
type PartDelta = Extract<Delta, { type: 'text' | 'arguments' }>;

const BEGUN = /<(?:[A-Z]{1,8}(?:_(?:[1-9]\d{0,4})?)?)?$/;

/** A text that arrives in parts. */
export class Restorer {
  readonly #redactor: Redactor;
  readonly #write: (value: string) => string;
  #waiting = '';

  /** @param write a value as the text has it, such as in a JSON string */
  constructor(redactor: Redactor, write: (value: string) => string = (value) => value) {
    this.#redactor = redactor;
    this.#write = write;
  }

  /** What can be passed on. */
  push(part: string): string {
    const text = this.#waiting + part;
    const from = Math.max(0, text.length - MAX_PLACEHOLDER_CHARS);
    const begun = BEGUN.exec(text.slice(from));
    const end = begun === null ? text.length : from + begun.index;
    this.#waiting = text.slice(end);
    return this.#redactor.restore(text.slice(0, end), this.#write);
  }

  /** What still waits, when nothing follows. */
  end(): string {
    const rest = this.#waiting;
    this.#waiting = '';
    return this.#redactor.restore(rest, this.#write);
  }
}

const inJson = (value: string): string => JSON.stringify(value).slice(1, -1);

/** What an API adds to the deltas of a generation. */
export interface OtherDelta {
  readonly type: string;
  readonly choice: number;
}

const isPart = (delta: Delta | OtherDelta): delta is PartDelta =>
  delta.type === 'text' || delta.type === 'arguments';

/** The open text or call of one choice. */
interface OpenPart {
  readonly restorer: Restorer;
  readonly last: PartDelta;
  /** Tokens of what waits. */
  readonly tokens: TextDelta['tokens'];
}

/**
 * Deltas of all choices, restored; those of other types pass, and end the open text.
 * @param redactor null passes them as they are
 */
export async function* restoreOutput<Other extends OtherDelta = never>(
  redactor: Redactor | null,
  deltas: AsyncIterable<Delta | Other>,
): AsyncGenerator<Delta | Other, void, void> {
  if (redactor === null) {
    yield* deltas;
    return;
  }
  const open = new Map<number, OpenPart>();
  for await (const delta of deltas) {
    const { choice } = delta;
    const part = open.get(choice);
    if (!isPart(delta)) {
      if (part !== undefined) yield* closed(part);
      open.delete(choice);
      yield delta;
      continue;
    }
    if (part !== undefined && !isSamePart(part.last, delta)) {
      yield* closed(part);
      open.delete(choice);
    }
    const restorer =
      open.get(choice)?.restorer ??
      new Restorer(redactor, delta.type === 'arguments' ? inJson : undefined);
    const text = restorer.push(delta.text);
    const waiting = open.get(choice)?.tokens ?? [];
    const tokens = delta.type === 'text' ? [...waiting, ...delta.tokens] : [];
    // Tokens go with the text that they made, even where its first part has passed.
    if (text !== '') yield delta.type === 'text' ? { ...delta, text, tokens } : { ...delta, text };
    open.set(choice, { restorer, last: delta, tokens: text === '' ? tokens : [] });
  }
}

function* closed({ restorer, last, tokens }: OpenPart): Generator<Delta, void, void> {
  const text = restorer.end();
  if (text === '' && tokens.length === 0) return;
  yield last.type === 'text' ? { ...last, text, tokens } : { ...last, text };
}

function isSamePart(a: PartDelta, b: PartDelta): boolean {
  if (a.type === 'text' || b.type === 'text') return a.type === b.type;
  return a.index === b.index;
}
