/**
 * What tasks need of a model: text, with or without a grammar, and the likelihood of a text. The gateway
 * and the command line both provide a served model and a way to run a request.
 */
import { atOnce, inTurns } from '../../../engine/base/turns.ts';
import type { Steps } from '../../../engine/base/turns.ts';
import { takeTurn } from '../../platform/turns.ts';
import { EngineError } from '../../../engine/base/errors.ts';
import { tokenPrompt } from '../../../engine/generate/prompt.ts';
import type { ConstraintRequest } from '../../../engine/generate/constraint.ts';
import type {
  GenerateEvent,
  GenerateRequest,
  GenerateUsage,
} from '../../../engine/generate/types.ts';
import type { SamplingParams } from '../../../engine/sample/params.ts';
import { NO_USAGE } from '../../../engine/generate/types.ts';
import type { Message } from '../conversation/message.ts';
import { chatSteps } from '../generation/run-chat.ts';
import { textEvents } from '../generation/text-events.ts';
import { countTokens } from '../generation/tool-events.ts';
import type { ServedModel } from '../models/model-store.ts';
import { samplingParams } from '../fields/sampling.ts';
import { addUsage } from '../accounting/usage.ts';
import type { TaskFields, TaskReason } from './fields.ts';
import { findLoop, LOOP_WINDOW_CHARS } from './loops.ts';

export interface TaskHost {
  readonly model: ServedModel;
  /** Most tokens of prompt and answer together. */
  readonly nCtx: number;
  readonly signal: AbortSignal;
  /** @throws {EngineError} errors of the engine; E_PROMPT_TOO_LONG names `field` */
  run(request: GenerateRequest, signal: AbortSignal, field: string): AsyncIterable<GenerateEvent>;
  /** Called after each generation. */
  readonly onUsage?: (usage: GenerateUsage) => void;
}

export interface TaskPrompt {
  readonly messages: readonly Message[];
  /** Beginning of the answer. */
  readonly prefill?: string;
  /** Field of the request that the text came from. */
  readonly field: string;
}

export interface WriteOptions {
  readonly maxTokens: number;
  readonly constraint?: ConstraintRequest | null;
  readonly stops?: readonly string[];
  readonly signal?: AbortSignal;
}

export type WriteEvent =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'done'; readonly reason: TaskReason };

export interface Written {
  readonly text: string;
  readonly reason: TaskReason;
}

/** Allowed difference between the tokens of parts and of the whole. */
const SLACK_TOKENS = 8;
/** Answers that are made in parallel, sharing passes over the weights. */
const MAX_PARALLEL = 3;

export class TaskModel {
  readonly host: TaskHost;
  readonly #sampling: SamplingParams;
  /** Usage of each generation so far. */
  readonly usages: GenerateUsage[] = [];

  constructor(host: TaskHost, fields: Pick<TaskFields, 'temperature' | 'top_p' | 'seed'> = {}) {
    this.host = host;
    this.#sampling = samplingParams(
      { ...fields, temperature: fields.temperature ?? 0 },
      host.model.tokenizer,
    );
  }

  get usage(): GenerateUsage {
    return this.usages.reduce(addUsage, NO_USAGE);
  }

  countTokens = (text: string): number =>
    this.host.model.tokenizer.encode(text, { special: false }).length;

  /** `countTokens` in parts. */
  countSteps = (text: string): Steps<number> => {
    const { tokenizer } = this.host.model;
    return (function* () {
      return (yield* tokenizer.encodeSteps(text, { special: false })).length;
    })();
  };

  encode(prompt: TaskPrompt): Promise<number[]> {
    return inTurns(this.#encodeSteps(prompt), takeTurn);
  }

  #encodeSteps({ messages, prefill = '', field }: TaskPrompt): Steps<number[]> {
    return chatSteps(this.host.model, messages, { prefill, field });
  }

  /**
   * Tokens of text that `prompt` has room for besides an answer of `answerTokens`.
   * @param prompt the prompt without its text
   * @throws {EngineError} E_PROMPT_TOO_LONG when that is less than `least`
   */
  roomFor(prompt: TaskPrompt, answerTokens: number, least: number): number {
    const nPrompt = atOnce(this.#encodeSteps(prompt)).length;
    const room = this.host.nCtx - nPrompt - answerTokens - SLACK_TOKENS;
    if (room >= least) return room;
    const { id } = this.host.model;
    throw new EngineError(
      'E_PROMPT_TOO_LONG',
      `${prompt.field}: the prompt without the text has ${nPrompt} tokens and the answer ` +
        `${answerTokens}, but the context of ${id} is ${this.host.nCtx}; expected at least ${least} ` +
        'to be left for text. Ask for a shorter answer, or shorten the other fields.',
      { param: prompt.field, details: { nPrompt, answerTokens, nCtx: this.host.nCtx } },
    );
  }

  /**
   * Generates text, in pieces that are final, then `done`. Ending the iteration early ends the generation.
   * Free text that repeats itself is ended.
   */
  async *write(prompt: TaskPrompt, options: WriteOptions): AsyncGenerator<WriteEvent, void, void> {
    const { tokenizer, manifest } = this.host.model;
    const { maxTokens, constraint = null, stops = [], signal = this.host.signal } = options;
    const request: GenerateRequest = {
      prompt: tokenPrompt(await this.encode(prompt)),
      maxTokens,
      sampling: this.#sampling,
      stopTokens: tokenizer.facts.eosIds,
      topLogprobs: null,
      promptLogprobs: false,
      ...(constraint === null ? {} : { constraint }),
    };
    const count = { n: 0 };
    const events = countTokens(this.host.run(request, signal, prompt.field), count);
    const atTextStart = manifest.chatTemplate !== null && (prompt.prefill ?? '') === '';
    let usage = NO_USAGE;
    let tail = '';
    try {
      for await (const event of textEvents(events, tokenizer, { stops, atTextStart })) {
        if (event.type === 'start') usage = { ...event.usage };
        if (event.type === 'text') {
          if (event.text !== '') yield { type: 'text', text: event.text };
          tail = (tail + event.text).slice(-LOOP_WINDOW_CHARS);
          if (constraint === null && findLoop(tail) !== null) {
            yield { type: 'done', reason: 'repetition' };
            return;
          }
        } else if (event.type === 'done') {
          ({ usage } = event);
          const reason = event.reason === 'length' ? 'length' : 'stop';
          yield { type: 'done', reason };
        }
      }
    } finally {
      // A reader that has left early got no final usage.
      this.#count({ ...usage, completionTokens: count.n });
    }
  }

  /** Generates a whole answer, trimmed; of what it repeats, the first time stays. */
  async writeAll(prompt: TaskPrompt, options: WriteOptions): Promise<Written> {
    let text = '';
    let reason: Written['reason'] = 'length';
    for await (const event of this.write(prompt, options)) {
      if (event.type === 'text') text += event.text;
      else ({ reason } = event);
    }
    const loop = reason === 'repetition' ? findLoop(text) : null;
    return { text: text.slice(0, loop?.at).trim(), reason };
  }

  /** Generates answers to several prompts, in their order; the first failure ends all. */
  async writeEach(
    prompts: readonly (TaskPrompt & { readonly options: WriteOptions })[],
  ): Promise<Written[]> {
    return await this.inParallel(prompts, (prompt, signal) =>
      this.writeAll(prompt, { ...prompt.options, signal }),
    );
  }

  /** Maps values with `make`, a few at a time, keeping their order; the first failure ends all. */
  async inParallel<From, To>(
    items: readonly From[],
    make: (item: From, signal: AbortSignal) => Promise<To>,
  ): Promise<To[]> {
    const abort = new AbortController();
    const signal = AbortSignal.any([this.host.signal, abort.signal]);
    const made: To[] = [];
    const queue = items.entries();
    const work = async (): Promise<void> => {
      for (const [index, item] of queue) made[index] = await make(item, signal);
    };
    const workers = Array.from({ length: Math.min(MAX_PARALLEL, items.length) }, work);
    try {
      await Promise.all(workers);
    } catch (error) {
      abort.abort();
      // Waits until no worker uses the engine any more.
      await Promise.allSettled(workers);
      throw error;
    }
    return made;
  }

  /**
   * Natural log-probability, in the model's own distribution, of each token of `continuation`
   * after `prompt`. The part of the prompt that an earlier call evaluated is not evaluated again.
   */
  async score(
    prompt: readonly number[],
    continuation: readonly number[],
    field: string,
    signal: AbortSignal = this.host.signal,
  ): Promise<number[]> {
    const request: GenerateRequest = {
      prompt: tokenPrompt([...prompt, ...continuation]),
      maxTokens: 0,
      sampling: this.#sampling,
      stopTokens: [],
      topLogprobs: 0,
      promptLogprobs: true,
      promptLogprobsFrom: prompt.length,
    };
    let scores: number[] = [];
    for await (const event of this.host.run(request, signal, field)) {
      if (event.type === 'prompt') scores = event.logprobs.map((entry) => entry?.logprob ?? 0);
      if (event.type === 'done') this.#count(event.usage);
    }
    return scores;
  }

  #count(usage: GenerateUsage): void {
    this.usages.push(usage);
    this.host.onUsage?.(usage);
  }
}

export function mean(values: readonly number[]): number {
  return values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length;
}
