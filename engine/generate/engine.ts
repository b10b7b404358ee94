/**
 * A loaded model that answers generations: the only thing hosts talk to. Token ids in and out; knows
 * no text, no HTTP and no storage.
 */
import { EngineError } from '../base/errors.ts';
import { instantiateKernels } from '../kernels/wasm/module.ts';
import type { KernelBuild, KernelModules } from '../kernels/wasm/module.ts';
import { Decoder } from '../model/decoder.ts';
import { bindWeights, loadShards } from '../model/loader.ts';
import { CHUNK_TOKENS, planMemory } from '../model/plan.ts';
import type { MemoryPlan, PlanOptions } from '../model/plan.ts';
import type { ModelSource } from '../model/source.ts';
import { applyPenalties, hasPenalties, sampleToken, topTokens } from '../sample/sampler.ts';
import { Scheduler } from './scheduler.ts';
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
    this.#scheduler = new Scheduler(decoder.plan.nPage);
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
    const pages = plan.wasmBytes / 65536;
    const memory = new WebAssembly.Memory({ initial: pages, maximum: pages });
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
    const queuedAt = Date.now();
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
      usage.queueMs = Date.now() - queuedAt;
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
    const prefillAt = Date.now();
    const promptLogprobs = request.promptLogprobs
      ? await this.#promptLogprobs(text, lease, request, signal)
      : null;
    if (promptLogprobs === null) await this.#evaluate(text, lease, signal);
    const decodeAt = Date.now();
    usage.prefillMs = decodeAt - prefillAt;
    yield { type: 'start', usage: { ...usage } };
    if (promptLogprobs !== null) yield { type: 'prompt', logprobs: promptLogprobs };

    let reason: FinishReason = 'length';
    while (text.length < limit) {
      const { token, logprob } = this.#next(request, text, nPrompt);
      if (request.stopTokens.includes(token)) {
        reason = 'stop';
        break;
      }
      text.push(token);
      usage.completionTokens++;
      yield { type: 'token', token, logprob };
      if (text.length >= limit) break;
      await this.#yieldToHost();
      await this.#evaluate(text, lease, signal);
    }
    usage.decodeMs = Date.now() - decodeAt;
    yield { type: 'done', reason, usage };
  }

  /** Brings the cache up to `text`, chunk by chunk; the last position's logits stand afterwards. */
  async #evaluate(text: readonly number[], lease: Lease, signal: AbortSignal): Promise<void> {
    const { sequence, slot } = lease;
    while (sequence.tokens.length < text.length) {
      throwIfAborted(signal);
      const missing = text.length - sequence.tokens.length;
      const n = Math.min(CHUNK_TOKENS, missing);
      await this.#scheduler.reserve(lease, sequence.tokens.length + n, signal);
      const start = sequence.tokens.length;
      const last = start + n === text.length;
      this.#decoder.forward(text.slice(start, start + n), sequence, slot, last ? 'last' : 'none');
      if (!last) await this.#yieldToHost();
    }
  }

  /** The next token from the logits that stand, and its log-probability if wanted. */
  #next(
    request: GenerateRequest,
    text: readonly number[],
    nPrompt: number,
  ): { token: number; logprob: TokenLogprob | null } {
    const { sampling: p, topLogprobs } = request;
    const wantsLogprob = topLogprobs !== null;
    const plain = !hasPenalties(p);
    const token =
      plain && p.temperature === 0
        ? this.#decoder.argmax()
        : this.#sample(p, text, nPrompt, !plain);
    return { token, logprob: wantsLogprob ? this.#logprob(token, topLogprobs, 0) : null };
  }

  #sample(
    p: GenerateRequest['sampling'],
    text: readonly number[],
    nPrompt: number,
    penalized: boolean,
  ): number {
    const view = this.#decoder.logits();
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

  /** Log-probability of every prompt token given those before it; null for the first. */
  async #promptLogprobs(
    text: readonly number[],
    lease: Lease,
    request: GenerateRequest,
    signal: AbortSignal,
  ): Promise<(TokenLogprob | null)[]> {
    const out: (TokenLogprob | null)[] = [null];
    const visitFrom = (start: number) => (index: number, row: number) => {
      const next = text[start + index + 1];
      if (next !== undefined) out.push(this.#logprob(next, request.topLogprobs ?? 0, row));
    };
    await this.visitLogits(text, lease, signal, visitFrom);
    return out;
  }

  /** Evaluates `text` from the start, calling the visitor at every position. */
  private async visitLogits(
    text: readonly number[],
    lease: Lease,
    signal: AbortSignal,
    visitFrom: (start: number) => (index: number, row: number) => void,
  ): Promise<void> {
    const { sequence, slot } = lease;
    for (let done = 0; done < text.length;) {
      throwIfAborted(signal);
      const n = Math.min(CHUNK_TOKENS, text.length - done);
      await this.#scheduler.reserve(lease, done + n, signal);
      if (sequence.tokens.length < done) await this.#evaluate(text.slice(0, done), lease, signal);
      this.#decoder.forward(text.slice(done, done + n), sequence, slot, 'all', visitFrom(done));
      done += n;
      await this.#yieldToHost();
    }
    // A tile of several rows stood last: leave the final position's logits in row 0.
    this.#decoder.logits(0).set(this.#decoder.logits(((text.length - 1) % CHUNK_TOKENS) % 4));
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
      await this.visitLogits(
        tokens,
        lease,
        signal,
        (start) => (index, row) => visit(start + index, this.#decoder.logits(row)),
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

function throwIfAborted(signal: AbortSignal): void {
  if (signal.aborted) throw new EngineError('E_ABORTED', 'generation: the caller went away');
}
