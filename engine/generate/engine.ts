/**
 * A loaded model that answers generations: the only thing hosts talk to. Token ids in and out; knows
 * no text, no HTTP and no storage.
 */
import { EngineError, throwIfAborted } from '../base/errors.ts';
import { createMemory, instantiateKernels } from '../kernels/wasm/module.ts';
import type { KernelBuild, KernelModules } from '../kernels/wasm/module.ts';
import { Decoder } from '../model/decoder.ts';
import { bindWeights, loadShards } from '../model/loader.ts';
import { CHUNK_TOKENS, planMemory } from '../model/plan.ts';
import type { MemoryPlan, PlanOptions } from '../model/plan.ts';
import type { ModelSource } from '../model/source.ts';
import { applyPenalties, hasPenalties, sampleToken, topTokens } from '../sample/sampler.ts';
import { CALLER_GONE, Scheduler } from './scheduler.ts';
import type { Lease } from './scheduler.ts';
import type {
  FinishReason,
  GenerateEvent,
  GenerateRequest,
  GenerateUsage,
  TokenLogprob,
} from './types.ts';
import { warmUp } from './warm-up.ts';

export interface EngineOptions extends PlanOptions {
  /** Gives the host's event loop a turn between tokens and chunks; none by default. */
  yieldToHost?: () => Promise<void>;
  /** Forces one kernel build (tests, benches). */
  kernelBuild?: KernelBuild;
  onLoadProgress?: (loadedBytes: number, totalBytes: number) => void;
}

export interface EngineStats {
  readonly modelId: string;
  readonly kernelBuild: KernelBuild;
  readonly wasmBytes: number;
  readonly nRunning: number;
  readonly nFreePages: number;
  readonly nPage: number;
  readonly loadMs: number;
}

interface NextToken {
  readonly token: number;
  readonly logprob: TokenLogprob | null;
}

export class Engine {
  readonly modelId: string;
  readonly plan: MemoryPlan;
  readonly #decoder: Decoder;
  readonly #scheduler: Scheduler;
  readonly #yieldToHost: () => Promise<void>;
  readonly #build: KernelBuild;
  readonly #loadMs: number;
  #loadMsUnreported: number;
  #closed = false;

  private constructor(
    modelId: string,
    decoder: Decoder,
    build: KernelBuild,
    loadMs: number,
    yieldToHost: () => Promise<void>,
  ) {
    this.modelId = modelId;
    this.plan = decoder.plan;
    this.#decoder = decoder;
    this.#scheduler = new Scheduler(decoder.plan.nPage, (from, to) => decoder.copyPage(from, to));
    this.#yieldToHost = yieldToHost;
    this.#build = build;
    this.#loadMs = loadMs;
    this.#loadMsUnreported = loadMs;
  }

  /**
   * Plans, allocates once, loads and checks every shard.
   * @throws {EngineError} E_MEMORY_BUDGET before anything is allocated; E_WEIGHTS_HASH,
   * E_WEIGHTS_FETCH, E_TENSOR_MISSING, E_TENSOR_SHAPE, E_ARCH_UNKNOWN.
   */
  static async load(
    source: ModelSource,
    modules: KernelModules,
    options: EngineOptions = {},
  ): Promise<Engine> {
    const startedAt = Date.now();
    const { manifest } = source;
    const plan = planMemory(manifest, options);
    const weights = bindWeights(manifest, plan);
    const memory = createMemory(plan.wasmBytes);
    const { exports, build } = await instantiateKernels(modules, memory, options.kernelBuild);
    const totalBytes = manifest.shards.reduce((sum, { bytes }) => sum + bytes, 0);
    await loadShards(source, plan, memory, (bytes) => options.onLoadProgress?.(bytes, totalBytes));
    const decoder = new Decoder(manifest, plan, weights, exports, memory);
    warmUp(decoder);
    const yieldToHost = options.yieldToHost ?? (() => Promise.resolve());
    return new Engine(manifest.id, decoder, build, Date.now() - startedAt, yieldToHost);
  }

  /** Positions a generation may use, prompt and completion together. */
  get nCtx(): number {
    return this.plan.nCtx;
  }

  stats(): EngineStats {
    return {
      modelId: this.modelId,
      kernelBuild: this.#build,
      wasmBytes: this.plan.wasmBytes,
      nRunning: this.#scheduler.nRunning,
      nFreePages: this.#scheduler.nFreePages,
      nPage: this.plan.nPage,
      loadMs: this.#loadMs,
    };
  }

  close(): void {
    this.#closed = true;
  }

  /**
   * Generates until a stop token, `maxTokens` or the end of the context. Stopping to ask for events
   * (or aborting) ends the work within one token and frees or keeps the pages at once.
   * @throws {EngineError} E_REQUEST_INVALID, E_PROMPT_TOO_LONG, E_BUSY, E_ABORTED.
   */
  async *generate(
    request: GenerateRequest,
    signal: AbortSignal,
  ): AsyncGenerator<GenerateEvent, void, void> {
    this.#check(request);
    const lease = this.#scheduler.begin(request.promptTokens);
    // Log-probabilities of the prompt need every position evaluated.
    if (request.promptLogprobs) lease.sequence.truncate(0);
    const usage: GenerateUsage = {
      promptTokens: request.promptTokens.length,
      cachedTokens: lease.sequence.tokens.length,
      completionTokens: 0,
      loadMs: this.#loadMsUnreported,
      queueMs: 0,
      prefillMs: 0,
      decodeMs: 0,
    };
    this.#loadMsUnreported = 0;
    try {
      yield* this.#run(request, lease, usage, signal);
    } finally {
      this.#scheduler.end(lease, !this.#closed);
    }
  }

  async *#run(
    request: GenerateRequest,
    lease: Lease,
    usage: GenerateUsage,
    signal: AbortSignal,
  ): AsyncGenerator<GenerateEvent, void, void> {
    const text = [...request.promptTokens];
    const nPrompt = text.length;
    const limit = Math.min(nPrompt + request.maxTokens, this.nCtx);
    const promptLogprobs: (TokenLogprob | null)[] = [null];
    let next = null as NextToken | null;
    // Logits stand in memory that all generations share: they are read before anything is awaited.
    const visit = (position: number, row: number) => {
      const following = text[position + 1];
      if (following !== undefined) {
        promptLogprobs.push(this.#logprob(following, request.topLogprobs ?? 0, row));
      } else if (text.length < limit) {
        next = this.#next(request, text, nPrompt, row);
      }
    };
    const startedAt = Date.now();
    await this.#evaluate(text, lease, signal, request.promptLogprobs ? 0 : nPrompt - 1, visit);
    const decodeAt = Date.now();
    usage.queueMs = lease.waitedMs;
    usage.prefillMs = decodeAt - startedAt - lease.waitedMs;
    yield { type: 'start', usage: { ...usage } };
    if (request.promptLogprobs) yield { type: 'prompt', logprobs: promptLogprobs };

    let reason: FinishReason = 'length';
    while (next !== null) {
      const { token, logprob }: NextToken = next;
      next = null;
      if (request.stopTokens.includes(token)) {
        reason = 'stop';
        break;
      }
      text.push(token);
      usage.completionTokens++;
      yield { type: 'token', token, logprob };
      if (text.length >= limit) break;
      await this.#yieldToHost();
      await this.#evaluate(text, lease, signal, text.length - 1, visit);
    }
    usage.decodeMs = Date.now() - decodeAt;
    yield { type: 'done', reason, usage };
  }

  /**
   * Brings the cache up to `text`, chunk by chunk, and calls `visit` once for every position from
   * `visitFrom` on while its logits stand in `row`. What was pushed out of the cache is evaluated
   * again, unseen.
   */
  async #evaluate(
    text: readonly number[],
    lease: Lease,
    signal: AbortSignal,
    visitFrom: number,
    visit: (position: number, row: number) => void,
  ): Promise<void> {
    const { sequence, slot } = lease;
    let nextVisit = visitFrom;
    while (sequence.tokens.length < text.length) {
      throwIfAborted(signal, CALLER_GONE);
      const n = Math.min(CHUNK_TOKENS, text.length - sequence.tokens.length);
      await this.#scheduler.reserve(lease, sequence.tokens.length + n, signal);
      const start = sequence.tokens.length;
      const end = Math.min(start + n, text.length);
      // Between the pages and this line an older generation may have run, and taken them.
      if (sequence.pagesMissing(end) > 0) continue;
      const logitsFrom = Math.max(0, nextVisit - start);
      const part = { tokens: text.slice(start, end), sequence, slot, logitsFrom };
      this.#decoder.forward([part], (_, index, row) => visit(start + index, row));
      nextVisit = Math.max(nextVisit, end);
      if (end < text.length) await this.#yieldToHost();
    }
  }

  /** The next token from the logits in `row`, and its log-probability if wanted. */
  #next(
    request: GenerateRequest,
    text: readonly number[],
    nPrompt: number,
    row: number,
  ): NextToken {
    const { sampling: p, topLogprobs } = request;
    const plain = !hasPenalties(p);
    const token =
      plain && p.temperature === 0
        ? this.#decoder.argmax(row)
        : this.#sample(p, text, nPrompt, row, !plain);
    return { token, logprob: topLogprobs === null ? null : this.#logprob(token, topLogprobs, row) };
  }

  #sample(
    p: GenerateRequest['sampling'],
    text: readonly number[],
    nPrompt: number,
    row: number,
    penalized: boolean,
  ): number {
    const view = this.#decoder.logits(row);
    const logits = penalized ? view.slice() : view;
    if (penalized)
      applyPenalties(logits, p, {
        prompt: text.slice(0, nPrompt),
        completion: text.slice(nPrompt),
      });
    if (p.temperature === 0) return topTokens(logits, 1)[0]!;
    return sampleToken(logits, p, text.length - nPrompt);
  }

  #logprob(token: number, nTop: number, row: number): TokenLogprob {
    const logits = this.#decoder.logits(row);
    const total = this.#decoder.logSumExp(row);
    const of = (id: number) => ({ token: id, logprob: logits[id]! - total });
    return { ...of(token), top: topTokens(logits, nTop).map(of) };
  }

  /**
   * Logits of every position of `tokens`, one after the other (evaluation and parity tools).
   * The array passed to `visit` is only valid during the call.
   */
  async evaluate(
    tokens: readonly number[],
    visit: (position: number, logits: Float32Array) => void,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<void> {
    this.#checkPrompt(tokens);
    const lease = this.#scheduler.begin(tokens);
    lease.sequence.truncate(0);
    try {
      await this.#evaluate(tokens, lease, signal, 0, (position, row) =>
        visit(position, this.#decoder.logits(row)),
      );
    } finally {
      this.#scheduler.end(lease, false);
    }
  }

  #check(request: GenerateRequest): void {
    if (this.#closed)
      throw new EngineError(
        'E_BACKEND_UNAVAILABLE',
        `engine: ${this.modelId} was unloaded; try again`,
      );
    this.#checkPrompt(request.promptTokens);
    const { maxTokens } = request;
    if (!Number.isInteger(maxTokens) || maxTokens < 0) {
      throw new EngineError(
        'E_REQUEST_INVALID',
        `max_tokens: expected a whole number >= 0, got ${maxTokens}`,
        {
          param: 'max_tokens',
          details: { maxTokens },
        },
      );
    }
  }

  #checkPrompt(tokens: readonly number[]): void {
    if (tokens.length === 0) {
      throw new EngineError('E_REQUEST_INVALID', 'prompt: is empty; expected at least one token', {
        param: 'prompt',
      });
    }
    if (tokens.length > this.nCtx) {
      throw new EngineError(
        'E_PROMPT_TOO_LONG',
        `prompt: ${tokens.length} tokens, but the context of ${this.modelId} is ${this.nCtx}. Shorten the prompt.`,
        { param: 'messages', details: { promptTokens: tokens.length, nCtx: this.nCtx } },
      );
    }
  }
}
