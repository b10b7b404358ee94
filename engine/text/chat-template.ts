/**
 * Renders a model's own chat template (Jinja) over messages. The template is hostile: evaluation
 * steps, ranges and sizes are bounded, and whatever it throws becomes E_TEMPLATE.
 * Special-token literals inside messages are broken by a sentinel character, so that they stay text
 * (Tokenizer.encodeTemplate takes it out). Conventions: huggingface.co/docs, "Chat templates".
 */
import { EngineError } from '../base/errors.ts';
import { type JinjaProgram, parseJinja, runJinja } from './bounded-jinja.ts';
import { breakLiterals, chooseSentinel } from './sentinel.ts';
import { formatTime } from './strftime.ts';

export interface ChatMessage {
  readonly role: string;
  readonly content: string;
  readonly name?: string;
}

export interface ChatTemplateOptions {
  readonly bosToken: string;
  readonly eosToken: string;
  /** Literals that must not become special when they stand in a message. */
  readonly specialLiterals: readonly string[];
  /** Ends the text where the assistant's answer begins. Default true. */
  readonly addGenerationPrompt?: boolean;
  /** The time `strftime_now` tells. */
  readonly now?: Date;
}

export interface RenderedChat {
  readonly text: string;
  /** Stands inside broken literals; to be removed once special tokens were cut out. */
  readonly sentinel: string;
}

export class ChatTemplate {
  private readonly program: JinjaProgram | null;
  private readonly source: string;

  /**
   * @param source the template, or null for a model without one: contents are then concatenated.
   * @throws {EngineError} E_TEMPLATE when it does not parse.
   */
  constructor(source: string | null) {
    this.source = source ?? '';
    this.program = source === null ? null : guard('parse', () => parseJinja(source));
  }

  /** @throws {EngineError} E_TEMPLATE */
  render(messages: readonly ChatMessage[], options: ChatTemplateOptions): RenderedChat {
    const texts = messages.flatMap(({ content, name }) => [content, name ?? '']);
    const sentinel = chooseSentinel([this.source, ...texts]);
    const protect = (text: string): string =>
      breakLiterals(text.toWellFormed(), options.specialLiterals, sentinel);
    const safe = messages.map((message) => ({
      ...message,
      content: protect(message.content),
      ...(message.name === undefined ? {} : { name: protect(message.name) }),
    }));
    const { program } = this;
    if (program === null)
      return { text: safe.map(({ content }) => content).join(sentinel), sentinel };
    return { text: guard('render', () => runTemplate(program, safe, options)), sentinel };
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
    bos_token: options.bosToken,
    eos_token: options.eosToken,
    add_generation_prompt: options.addGenerationPrompt ?? true,
  });
}

function templateError(what: string, cause?: unknown): EngineError {
  return new EngineError(
    'E_TEMPLATE',
    `chat template: ${what}. The template is part of the model's file; other messages may suit it.`,
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
