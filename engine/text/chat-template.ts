/**
 * Renders a model's own chat template (Jinja) over messages. The template is hostile: evaluation
 * steps, ranges and sizes are bounded, and whatever it throws becomes E_TEMPLATE.
 * Special-token literals inside messages are broken by a sentinel character, so that they stay text
 * (Tokenizer.encodeTemplate takes it out). Conventions: huggingface.co/docs, "Chat templates".
 */
import { EngineError } from '../base/errors.ts';
import { atOnce } from '../base/turns.ts';
import type { Steps } from '../base/turns.ts';
import { type JinjaProgram, jinjaSteps, parseJinja } from './bounded-jinja.ts';
import { chooseSentinel, literalBreaker } from './sentinel.ts';
import { formatTime } from './strftime.ts';

/**
 * Most values (texts, numbers, lists, objects) of messages and tools together: each costs the interpreter objects of its
 * own, and takes at least a token of a context.
 */
export const MAX_TEMPLATE_VALUES = 65_536;

/** Values and characters between two turns. */
const VALUES_A_TURN = 8192;
const CHARS_A_TURN = 1024 * 1024;

export interface ChatMessage {
  readonly role: string;
  readonly content: string;
  readonly name?: string;
  /** Calls of an assistant's message. */
  readonly tool_calls?: readonly ToolCall[];
  /** Id of the call that a tool's message answers. */
  readonly tool_call_id?: string;
}

export interface ToolCall {
  readonly id: string;
  readonly type: 'function';
  /** `arguments` as parsed JSON: templates write it themselves. */
  readonly function: { readonly name: string; readonly arguments: unknown };
}

/** A tool as templates expect it. */
export interface TemplateTool {
  readonly type: 'function';
  readonly function: {
    readonly name: string;
    readonly description: string;
    readonly parameters: unknown;
  };
}

/** Value of a variable that switches something in a template; never a text for the model. */
export type TemplateValue = string | number | boolean | null;

export interface ChatTemplateOptions {
  readonly bosToken: string;
  readonly eosToken: string;
  /** Literals that must not become special when they stand in a message. */
  readonly specialLiterals: readonly string[];
  /** Ends the text where the assistant's answer begins. Default true. */
  readonly addGenerationPrompt?: boolean;
  /** Tools, for templates that know of them. */
  readonly tools?: readonly TemplateTool[];
  /** Further variables; those that every template has keep their values. */
  readonly variables?: Readonly<Record<string, TemplateValue>>;
  /** The time that `strftime_now` gives. */
  readonly now?: Date;
  /** Characters that stand for parts of other kinds in contents, by the part's type. */
  readonly marks?: Readonly<Record<string, string>>;
}

/** A part of a content, for templates that go through them. */
type TemplatePart = { readonly type: 'text'; readonly text: string } | { readonly type: string };

/** A loop over the parts of a message. */
const PARTS_LOOP = /\bfor\s+\w+\s+in\s+\w+(\.content|\[\s*['"]content['"]\s*\])/;

export interface RenderedChat {
  readonly text: string;
  /** Stands inside broken literals; to be removed once special tokens were cut out. */
  readonly sentinel: string;
}

export class ChatTemplate {
  /** Whether the template itself tells the model of tools. */
  readonly knowsTools: boolean;
  /** Whether it goes through parts of contents, and whether it takes contents of text as texts, too. */
  readonly #knowsParts: boolean;
  readonly #knowsTexts: boolean;
  readonly #program: JinjaProgram | null;
  readonly #source: string;

  /**
   * @param source the template, or null for a model without one: contents are then concatenated.
   * @throws {EngineError} E_TEMPLATE when it does not parse.
   */
  constructor(source: string | null) {
    this.#source = source ?? '';
    this.knowsTools = /\btools\b/.test(this.#source);
    this.#knowsParts = PARTS_LOOP.test(this.#source);
    this.#knowsTexts = !this.#knowsParts || /\bis\s+(not\s+)?string\b/.test(this.#source);
    this.#program = source === null ? null : guard('parse', () => parseJinja(source));
  }

  /** @throws {EngineError} E_TEMPLATE; E_REQUEST_INVALID above MAX_TEMPLATE_VALUES */
  render(messages: readonly ChatMessage[], options: ChatTemplateOptions): RenderedChat {
    return atOnce(this.renderSteps(messages, options));
  }

  /** As `render`, in parts. */
  *renderSteps(
    messages: readonly ChatMessage[],
    options: ChatTemplateOptions,
  ): Steps<RenderedChat> {
    const texts = yield* collectTexts([
      ...messages,
      ...(options.tools ?? []),
      ...Object.values(options.variables ?? {}),
    ]);
    const sentinel = chooseSentinel([this.#source, ...texts]);
    yield;
    const breakIn = literalBreaker(options.specialLiterals, sentinel);
    const protect = (text: string): string => breakIn(text.toWellFormed());
    const copies = yield* protectAll(messages, protect);
    // Templates compare roles: they are names, not texts.
    const safe = copies.map((message, i) => ({ ...message, role: messages[i]!.role }));
    const tools = yield* protectAll(options.tools ?? [], protect);
    const [variables = {}] = yield* protectAll([options.variables ?? {}], protect);
    const program = this.#program;
    if (program === null)
      return { text: safe.map(({ content }) => content).join(sentinel), sentinel };
    const shown = safe.map((message) => this.#withParts(message, options.marks ?? {}));
    return {
      text: yield* templateSteps(program, shown, { ...options, tools, variables }),
      sentinel,
    };
  }

  /** A message as the template takes it: its content as parts where it goes through them. */
  #withParts(message: ChatMessage, marks: Readonly<Record<string, string>>): object {
    const { content } = message;
    const hasMarks = Object.values(marks).some((mark) => content.includes(mark));
    if (!this.#knowsParts || (this.#knowsTexts && !hasMarks)) return message;
    return { ...message, content: partsOf(content, marks) };
  }
}

/** At least one part: templates look at the first. */
function partsOf(content: string, marks: Readonly<Record<string, string>>): TemplatePart[] {
  const types = new Map(Object.entries(marks).map(([type, mark]) => [mark, type]));
  let parts: TemplatePart[] = [];
  let text = '';
  const endText = (): void => {
    if (text !== '') parts = [...parts, { type: 'text', text }];
    text = '';
  };
  for (const char of content) {
    const type = types.get(char);
    if (type === undefined) text += char;
    else {
      endText();
      parts = [...parts, { type }];
    }
  }
  endText();
  return parts.length === 0 ? [{ type: 'text', text: '' }] : parts;
}

/**
 * Every text of the values, keys too.
 * @throws {EngineError} E_REQUEST_INVALID above MAX_TEMPLATE_VALUES
 */
function* collectTexts(values: readonly unknown[]): Steps<string[]> {
  const texts: string[] = [];
  let nValue = 0;
  let nInPart = 0;
  const collect = (value: unknown): void => {
    if (++nValue > MAX_TEMPLATE_VALUES) throw tooManyValues();
    if (typeof value === 'string') texts.push(value);
    else if (Array.isArray(value)) value.forEach(collect);
    else if (typeof value === 'object' && value !== null)
      for (const [key, item] of Object.entries(value)) {
        texts.push(key);
        collect(item);
      }
  };
  for (const value of values) {
    collect(value);
    if (nValue - nInPart < VALUES_A_TURN) continue;
    nInPart = nValue;
    yield;
  }
  return texts;
}

/** Copies in which every text, keys too, is what `protect` makes of it. */
function* protectAll<T>(values: readonly T[], protect: (text: string) => string): Steps<T[]> {
  const copies: T[] = [];
  let nText = 0;
  let nChar = 0;
  const counted = (text: string): string => {
    nText++;
    nChar += text.length;
    return protect(text);
  };
  for (const value of values) {
    copies.push(mapTexts(value, counted) as T);
    if (nText < VALUES_A_TURN && nChar < CHARS_A_TURN) continue;
    [nText, nChar] = [0, 0];
    yield;
  }
  return copies;
}

function* templateSteps(
  program: JinjaProgram,
  messages: readonly object[],
  options: ChatTemplateOptions,
): Steps<string> {
  const now = options.now ?? new Date();
  const steps = jinjaSteps(program, {
    ...options.variables,
    raise_exception: (message: unknown) => {
      throw templateError(`refuses the messages: ${String(message).slice(0, 300)}`);
    },
    strftime_now: (format: unknown) => formatTime(now, String(format)),
    messages,
    // Templates ask whether there are any.
    tools: options.tools === undefined || options.tools.length === 0 ? null : options.tools,
    bos_token: options.bosToken,
    eos_token: options.eosToken,
    add_generation_prompt: options.addGenerationPrompt ?? true,
  });
  for (;;) {
    const step = guard('render', () => steps.next());
    if (step.done === true) return step.value;
    yield;
  }
}

/** A copy of a JSON value in which every text, keys too, is what `map` makes of it. */
function mapTexts(value: unknown, map: (text: string) => string): unknown {
  if (typeof value === 'string') return map(value);
  if (Array.isArray(value)) return value.map((item) => mapTexts(item, map));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [map(key), mapTexts(item, map)]),
  );
}

function tooManyValues(): EngineError {
  return new EngineError(
    'E_REQUEST_INVALID',
    `messages: expected at most ${MAX_TEMPLATE_VALUES} values in all messages and tools together. Send fewer of them.`,
    { param: 'messages' },
  );
}

function templateError(what: string, cause?: unknown): EngineError {
  return new EngineError(
    'E_TEMPLATE',
    `chat template: ${what}. The template is part of the model's file; try other messages.`,
    { cause },
  );
}

function guard<T>(step: 'parse' | 'render', run: () => T): T {
  try {
    return run();
  } catch (error) {
    if (error instanceof EngineError) throw error;
    const what = error instanceof Error ? error.message : String(error);
    throw templateError(`does not ${step}: ${what.slice(0, 300)}`, error);
  }
}
