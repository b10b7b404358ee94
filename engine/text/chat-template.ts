/**
 * Renders a model's own chat template (Jinja) over messages. The template is hostile: evaluation
 * steps, ranges and sizes are bounded, and whatever it throws becomes E_TEMPLATE.
 * Special-token literals inside messages are broken by a sentinel character, so that they stay text
 * (Tokenizer.encodeTemplate takes it out). Conventions: huggingface.co/docs, "Chat templates".
 */
import { EngineError } from '../base/errors.ts';
import { type JinjaProgram, parseJinja, runJinja } from './bounded-jinja.ts';
import { chooseSentinel, literalBreaker } from './sentinel.ts';
import { formatTime } from './strftime.ts';

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

export interface ChatTemplateOptions {
  readonly bosToken: string;
  readonly eosToken: string;
  /** Literals that must not become special when they stand in a message. */
  readonly specialLiterals: readonly string[];
  /** Ends the text where the assistant's answer begins. Default true. */
  readonly addGenerationPrompt?: boolean;
  /** Tools, for templates that know of them. */
  readonly tools?: readonly TemplateTool[];
  /** The time that `strftime_now` gives. */
  readonly now?: Date;
}

export interface RenderedChat {
  readonly text: string;
  /** Stands inside broken literals; to be removed once special tokens were cut out. */
  readonly sentinel: string;
}

export class ChatTemplate {
  /** Whether the template itself tells the model of tools. */
  readonly knowsTools: boolean;
  readonly #program: JinjaProgram | null;
  readonly #source: string;

  /**
   * @param source the template, or null for a model without one: contents are then concatenated.
   * @throws {EngineError} E_TEMPLATE when it does not parse.
   */
  constructor(source: string | null) {
    this.#source = source ?? '';
    this.knowsTools = /\btools\b/.test(this.#source);
    this.#program = source === null ? null : guard('parse', () => parseJinja(source));
  }

  /** @throws {EngineError} E_TEMPLATE */
  render(messages: readonly ChatMessage[], options: ChatTemplateOptions): RenderedChat {
    const texts: string[] = [];
    mapTexts([messages, options.tools ?? []], (text) => {
      texts.push(text);
      return text;
    });
    const sentinel = chooseSentinel([this.#source, ...texts]);
    const breakIn = literalBreaker(options.specialLiterals, sentinel);
    const protect = (text: string): string => breakIn(text.toWellFormed());
    const safe = messages.map((message) => ({
      ...(mapTexts(message, protect) as ChatMessage),
      // Templates compare roles: they are names, not texts.
      role: message.role,
    }));
    const tools = mapTexts(options.tools ?? [], protect) as readonly TemplateTool[];
    const program = this.#program;
    if (program === null)
      return { text: safe.map(({ content }) => content).join(sentinel), sentinel };
    return {
      text: guard('render', () => runTemplate(program, safe, { ...options, tools })),
      sentinel,
    };
  }
}

function runTemplate(
  program: JinjaProgram,
  messages: readonly ChatMessage[],
  options: ChatTemplateOptions,
): string {
  const now = options.now ?? new Date();
  return runJinja(program, {
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
