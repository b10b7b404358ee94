/** A conversation with a model in this process: what was said, and how the next answer is made. */
import { Command } from 'commander';
import { EngineError } from '../../../engine/base/errors.ts';
import type { FinishReason } from '../../../engine/generate/types.ts';
import { findLoop, LOOP_WINDOW_CHARS } from '../../../worker/serving/tasks/loops.ts';
import { tokenPrompt } from '../../../engine/generate/prompt.ts';
import { ChatTemplate } from '../../../engine/text/chat-template.ts';
import type { ChatMessage } from '../../../engine/text/chat-template.ts';
import { ensureModel } from '../../dev/prepare.ts';
import { parseCount } from '../../lib/arguments.ts';
import { draftLine, generateText, loadModelWithDraft } from '../../node-host/engine.ts';
import type { LocalModel } from '../../node-host/engine.ts';
import { addSamplingOptions, CHAT_SAMPLING, readSampling } from '../options/sampling-options.ts';
import type { MemoryFlags } from '../options/memory-options.ts';
import type { SamplingFlags } from '../options/sampling-options.ts';

export interface ChatFlags extends SamplingFlags, MemoryFlags {
  readonly model: string;
  readonly system?: string;
  readonly maxTokens?: number;
}

export interface ChatAnswer {
  readonly text: string;
  /** `repetition` where the model went round in circles and was stopped. */
  readonly reason: FinishReason | 'repetition';
  /** What a draft model achieved; null without one. */
  readonly draft: string | null;
}

export class ChatSession {
  #flags: ChatFlags;
  #model: LocalModel;
  #template: ChatTemplate;
  #turns: readonly ChatMessage[] = [];

  private constructor(flags: ChatFlags, model: LocalModel) {
    this.#flags = flags;
    this.#model = model;
    this.#template = new ChatTemplate(model.manifest.chatTemplate);
  }

  /**
   * Loads the model; one of the catalogue is fetched when it is missing.
   * @throws {EngineError} E_MODEL_NOT_FOUND, E_MODEL_KIND, E_MEMORY_BUDGET, and what fetching throws
   */
  static async open(flags: ChatFlags): Promise<ChatSession> {
    return new ChatSession(flags, await loadChatModel(flags));
  }

  get modelId(): string {
    return this.#flags.model;
  }

  get system(): string | null {
    return this.#flags.system ?? null;
  }

  /** What was said so far, the system message first. */
  get messages(): readonly ChatMessage[] {
    const { system } = this;
    const first: ChatMessage[] = system === null ? [] : [{ role: 'system', content: system }];
    return [...first, ...this.#turns];
  }

  /** Settings that differ from those by default, by the names of their options. */
  get settings(): Readonly<Record<string, unknown>> {
    const { model: _model, system: _system, memory: _memory, draft: _draft, ...rest } = this.#flags;
    return rest;
  }

  /** Goes on with another model; what was said stays. @throws {EngineError} as `open`, and nothing has changed */
  async useModel(id: string): Promise<void> {
    // A draft model has the tokenizer of the model that it was chosen for.
    const { draft: _draft, ...rest } = this.#flags;
    const flags = { ...rest, model: id };
    this.#model = await loadChatModel(flags);
    this.#template = new ChatTemplate(this.#model.manifest.chatTemplate);
    this.#flags = flags;
  }

  /** @param text null for no system message */
  setSystem(text: string | null): void {
    const { system: _system, ...rest } = this.#flags;
    this.#flags = text === null ? rest : { ...rest, system: text };
  }

  /** Changes options of the command line. @throws {CommanderError} naming what was expected */
  set(words: readonly string[]): void {
    const parser = addSettings(new Command('/set')).exitOverride();
    parser.configureOutput({ writeErr: () => undefined }).allowExcessArguments(false);
    parser.parse([...words], { from: 'user' });
    this.#flags = { ...this.#flags, ...parser.opts<Partial<ChatFlags>>() };
  }

  clear(): void {
    this.#turns = [];
  }

  /** Goes on from another conversation. */
  replace(messages: readonly ChatMessage[]): void {
    const [first, ...rest] = messages;
    this.setSystem(first?.role === 'system' ? first.content : null);
    this.#turns = first?.role === 'system' ? rest : messages;
  }

  /**
   * The answer to a message, which is kept with it. An answer that `signal` ends is kept as far as it came, one that repeats
   * itself is ended and kept to there; a turn
   * that fails is not kept.
   * @throws {EngineError} E_PROMPT_TOO_LONG, E_TEMPLATE and errors of the engine
   */
  async answer(
    content: string,
    signal: AbortSignal,
    onText: (part: string) => void,
  ): Promise<ChatAnswer> {
    const messages: ChatMessage[] = [...this.messages, { role: 'user', content }];
    const { stop = [], draft } = this.#flags;
    const loop = new AbortController();
    const both = AbortSignal.any([signal, loop.signal]);
    let shown = '';
    const show = (part: string) => {
      shown += part;
      onText(part);
      if (findLoop(shown.slice(-LOOP_WINDOW_CHARS)) !== null) loop.abort();
    };
    try {
      const request = this.#request(messages);
      const { text, reason, usage } = await generateText(this.#model, request, stop, both, show);
      this.#keep(content, text);
      return { text, reason, draft: draft === undefined ? null : draftLine(usage) };
    } catch (error) {
      if (both.aborted && shown !== '') this.#keep(content, shown);
      if (!loop.signal.aborted || signal.aborted) throw error;
      return { text: shown, reason: 'repetition', draft: null };
    }
  }

  #keep(content: string, answer: string): void {
    const turn: ChatMessage[] = [
      { role: 'user', content },
      { role: 'assistant', content: answer.slice(0, findLoop(answer)?.at) },
    ];
    this.#turns = [...this.#turns, ...turn];
  }

  #request(messages: readonly ChatMessage[]) {
    const { tokenizer, engine, manifest } = this.#model;
    const { bosId, eosIds } = manifest.tokenizer;
    const { text, sentinel } = this.#template.render([...messages], {
      bosToken: tokenizer.literalOf(bosId),
      eosToken: tokenizer.literalOf(eosIds[0]),
      specialLiterals: tokenizer.specialLiterals,
    });
    const promptTokens = tokenizer.encodeTemplate(text, sentinel);
    const room = engine.nCtx - promptTokens.length;
    if (room < 1) {
      throw new EngineError(
        'E_PROMPT_TOO_LONG',
        `chat: the conversation has ${promptTokens.length} tokens and the context ${engine.nCtx}. /clear forgets it; --ctx makes more room.`,
      );
    }
    return {
      prompt: tokenPrompt(promptTokens),
      maxTokens: Math.min(this.#flags.maxTokens ?? room, room),
      sampling: readSampling(this.#flags, tokenizer, CHAT_SAMPLING),
      stopTokens: eosIds,
      topLogprobs: null,
      promptLogprobs: false,
    };
  }
}

/** Options that may change between answers. */
export function addSettings(command: Command): Command {
  return addSamplingOptions(
    command.option(
      '--max-tokens <n>',
      'maximum tokens of one answer (default: as many as fit)',
      parseCount(1),
    ),
  );
}

async function loadChatModel({ model, draft, memory, ctx }: ChatFlags): Promise<LocalModel> {
  for (const id of [model, draft]) if (id !== undefined) await ensureModel(id);
  return await loadModelWithDraft(model, draft, {
    memoryBudgetBytes: memory === 'none' ? null : memory,
    ...(ctx === undefined ? {} : { nCtx: ctx }),
  });
}
