/**
 * A loaded model that answers generations: the only thing hosts talk to. Token ids and rows of
 * embeddings in, token ids out; knows no text, no HTTP and no storage.
 */
import { EngineError, unloaded } from '../base/errors.ts';
import { plainTurns } from '../base/turns.ts';
import type { OpenTurns } from '../base/turns.ts';
import type { GrammarProgram } from '../grammar/run/matcher.ts';
import type { Vocabulary } from '../grammar/run/vocabulary.ts';
import type { KernelModules } from '../kernels/wasm/module.ts';
import type { DecoderManifest, ModelConfig } from '../manifest/manifest.ts';
import type {
  AdapterHandle,
  AdapterSource,
  DecoderBackend,
  InputObserver,
} from '../model/decoder/contract.ts';
import { loadDecoder } from '../model/decoder/load-decoder.ts';
import type { PlanOptions } from '../model/decoder/plan.ts';
import type { LoadOptions } from '../model/memory/load-model.ts';
import type { ModelSource } from '../model/memory/source.ts';
import { DEFAULT_SAMPLING } from '../sample/params.ts';
import { checkSampling } from '../sample/samplers.ts';
import { GrammarPrograms } from './constraint.ts';
import type { ConstraintRequest } from './constraint.ts';
import { Generation } from './generation.ts';
import type { ObserveLogits } from './generation.ts';
import { HeldAdapters } from './held-adapters.ts';
import { checkDraft } from './model-drafts.ts';
import type { DraftModel, ModelIdentity } from './model-drafts.ts';
import { checkPrompt, checkScope, projectedPrompt, tokenPrompt } from './prompt.ts';
import { Scheduler } from './scheduler.ts';
import { StepLoop } from './step-loop.ts';
import type { GenerateEvent, GenerateRequest, GivenRequest } from './types.ts';
import { warmUp } from './warm-up.ts';

export interface EngineOptions extends PlanOptions, LoadOptions {
  /**
   * A smaller model with the same tokenizer that guesses ahead; the text stays the same. It remains an
   * engine of its own and must outlive this one.
   */
  draft?: Engine;
}

/** The memory that was planned for a decoder; a MemoryPlan is one. */
export interface PlannedMemory {
  /** Positions of its key/value cache. */
  readonly nCtx: number;
  /** Bytes of WebAssembly memory and JavaScript heap together. */
  readonly totalBytes: number;
  /** Bytes of WebAssembly memory; 0 for a decoder without. */
  readonly wasmBytes: number;
  /** Bytes of weights a pass reads, above 0: what it costs beside a pass of another model. */
  readonly regions: { readonly weights: { readonly bytes: number } };
}

/** What an engine is made of, whatever computes its passes. */
export interface EngineParts {
  readonly model: ModelIdentity;
  readonly decoder: DecoderBackend;
  readonly plan: PlannedMemory;
  /** The build of the kernels, or the name of whatever else computes the passes. */
  readonly kernelBuild: string;
  /** Milliseconds that loading took. */
  readonly loadMs: number;
  /** Turns of the host's event loop between steps; by default readers' promises run. */
  readonly openTurns?: OpenTurns;
  /** As in `EngineOptions`. */
  readonly draft?: Engine;
}

export interface EngineStats {
  readonly modelId: string;
  readonly kernelBuild: string;
  readonly wasmBytes: number;
  /** Generations that hold pages, and those that wait for them. */
  readonly nRunning: number;
  readonly nQueued: number;
  readonly nFreePages: number;
  /** Pages promised to running generations, taken or not. */
  readonly nPromisedPages: number;
  readonly nPage: number;
  readonly loadMs: number;
  /** Ids of the adapters in memory, the least recently used first. */
  readonly adapters: readonly string[];
}

/** Turns of the promise queue in which readers take the events of a step. */
const READER_TURNS = 16;

export class Engine {
  readonly modelId: string;
  readonly plan: PlannedMemory;
  readonly #model: ModelIdentity;
  readonly #decoder: DecoderBackend;
  readonly #scheduler: Scheduler;
  readonly #loop: StepLoop;
  readonly #draftModel: DraftModel | null;
  readonly #adapters: HeldAdapters;
  readonly #build: string;
  readonly #loadMs: number;
  #loadMsUnreported: number;
  #closed = false;
  #nGeneration = 0;
  #programs: GrammarPrograms | null = null;

  /**
   * An engine over a decoder of any kind; `Engine.load` makes one from a model's files.
   * @throws {EngineError} E_REQUEST_INVALID for a draft model with another tokenizer.
   */
  constructor({ model, decoder, plan, kernelBuild, loadMs, openTurns, draft }: EngineParts) {
    if (draft !== undefined) checkDraft(model, draft.#model);
    this.modelId = model.id;
    this.plan = plan;
    this.#model = model;
    this.#decoder = decoder;
    this.#adapters = new HeldAdapters(decoder);
    this.#build = kernelBuild;
    this.#loadMs = loadMs;
    this.#loadMsUnreported = loadMs;
    this.#draftModel = draft === undefined ? null : draft.#asDraftOf(plan);
    this.#scheduler = new Scheduler({
      ...decoder.limits,
      copyPage: (from, to) => decoder.copyPage(from, to),
      window: widestWindow(decoder.config),
    });
    this.#loop = new StepLoop(decoder, this.#scheduler, openTurns ?? plainTurns(yieldToReaders));
  }

  /**
   * Plans, allocates once, loads and checks every shard, and runs the kernels until they are fast.
   * @throws {EngineError} E_REQUEST_INVALID for a draft model with another tokenizer.
   * @throws {EngineError} E_MEMORY_BUDGET before anything is allocated; E_WEIGHTS_HASH,
   * E_WEIGHTS_FETCH, E_TENSOR_MISSING, E_TENSOR_SHAPE, E_ARCH_UNKNOWN.
   */
  static async load(
    source: ModelSource<DecoderManifest>,
    modules: KernelModules,
    options: EngineOptions = {},
  ): Promise<Engine> {
    const startedAt = Date.now();
    const { draft, openTurns } = options;
    const model = source.manifest;
    // Before weights are read.
    if (draft !== undefined) checkDraft(model, draft.#model);
    const { decoder, build } = await loadDecoder(source, modules, options);
    await warmUp(decoder);
    return new Engine({
      ...{ model, decoder, plan: decoder.plan, kernelBuild: build },
      loadMs: Date.now() - startedAt,
      ...(openTurns === undefined ? {} : { openTurns }),
      ...(draft === undefined ? {} : { draft }),
    });
  }

  get config(): ModelConfig {
    return this.#decoder.config;
  }

  /** Positions a generation may use, prompt and completion together. */
  get nCtx(): number {
    return this.#decoder.limits.nCtx;
  }

  /**
   * Shows `observer` the activations every weight is multiplied with; null ends it (calibration).
   * @throws {EngineError} E_INTERNAL when the decoder cannot show them.
   */
  observeInputs(observer: InputObserver | null): void {
    if (this.#decoder.observeInputs === undefined)
      throw new EngineError(
        'E_INTERNAL',
        `engine: the ${this.#build} decoder of ${this.modelId} shows no activations; ` +
          'calibrate with the WebAssembly decoder (Engine.load).',
      );
    this.#decoder.observeInputs(observer);
  }

  stats(): EngineStats {
    return {
      modelId: this.modelId,
      kernelBuild: this.#build,
      wasmBytes: this.plan.wasmBytes,
      nRunning: this.#scheduler.nRunning,
      nQueued: this.#loop.nQueued,
      nPromisedPages: this.#scheduler.nPromisedPages,
      nFreePages: this.#scheduler.nFreePages,
      nPage: this.#decoder.limits.nPage,
      loadMs: this.#loadMs,
      adapters: this.#adapters.ids,
    };
  }

  /** Refuses new generations; those that run or wait go on to their end. May be called again. */
  close(): void {
    this.#closed = true;
  }

  /** Ends all generations at once: what they ran in is gone. What comes after starts afresh. */
  reset(): void {
    this.#loop.reset(unloaded(this.modelId));
    this.#adapters.reset();
    this.#decoder.reset?.();
  }

  /**
   * Generates until a stop token, `maxTokens` or the end of the context, together with all others in
   * one pass per step. Starts when its pages can be promised to it, first come, first served. A
   * reader that stops reading pauses it after a few tokens; leaving (or aborting) ends it before its
   * next step and frees or keeps its pages at once.
   * @throws {EngineError} E_REQUEST_INVALID, E_PROMPT_TOO_LONG, E_BUSY, E_ABORTED;
   *   E_BACKEND_UNAVAILABLE once the engine is closed.
   */
  async *generate(
    given: GivenRequest,
    signal: AbortSignal,
  ): AsyncGenerator<GenerateEvent, void, void> {
    this.#checkOpen();
    const request = { ...given, prompt: projectedPrompt(given.prompt, this.#decoder) };
    this.#check(request);
    const generation = this.#newGeneration(request, true);
    generation.usage.loadMs = this.#loadMsUnreported;
    this.#loadMsUnreported = 0;
    yield* this.#loop.run(generation, signal);
  }

  /**
   * Holds an adapter for generations that name it, until the function that is returned is called.
   * @throws {EngineError} as `HeldAdapters.use`
   */
  async useAdapter(source: AdapterSource): Promise<() => void> {
    this.#checkOpen();
    return await this.#adapters.use(source);
  }

  /** Whether requests may be held to a grammar. */
  get hasVocabulary(): boolean {
    return this.#programs !== null;
  }

  /** Sets the bytes of all token ids. @throws {EngineError} E_INTERNAL unless it has as many tokens as the model. */
  setVocabulary(vocabulary: Vocabulary): void {
    const { nVocab } = this.config;
    if (vocabulary.nVocab !== nVocab)
      throw new EngineError(
        'E_INTERNAL',
        `engine: vocabulary; expected ${nVocab} tokens, got ${vocabulary.nVocab}. Use the tokenizer of this model.`,
      );
    this.#programs = new GrammarPrograms(vocabulary);
  }

  /** A pass takes time in proportion to the weights it reads. */
  #asDraftOf({ regions }: PlannedMemory): DraftModel {
    const tokenCost = this.plan.regions.weights.bytes / regions.weights.bytes;
    return { decoder: this.#decoder, scheduler: this.#scheduler, tokenCost };
  }

  #newGeneration(request: GenerateRequest, keep: boolean, observe?: ObserveLogits): Generation {
    const draftModel = this.#draftModel;
    const options = { age: this.#nGeneration++, nCtx: this.nCtx, keep, draftModel };
    return new Generation(this.#decoder, request, {
      ...options,
      ...(observe === undefined ? {} : { observe }),
      adapter: handleOf(request.adapter),
      activation: request.adapter?.activation ?? null,
      ...(request.constraint === undefined ? {} : { program: this.#program(request.constraint) }),
    });
  }

  #program(constraint: ConstraintRequest): GrammarProgram {
    if (this.#programs === null)
      throw new EngineError(
        'E_INTERNAL',
        `engine: ${this.modelId} has no vocabulary; call setVocabulary before a constrained request.`,
      );
    return this.#programs.of(constraint);
  }

  /**
   * Passes the logits of every position of `tokens` to `visit`, in order (evaluation and parity tools).
   * The array, [nVocab] f32, is only valid during the call.
   * @throws {EngineError} as `generate`.
   */
  async evaluate(
    tokens: readonly number[],
    visit: (position: number, logits: Float32Array) => void,
    signal: AbortSignal = new AbortController().signal,
  ): Promise<void> {
    this.#checkOpen();
    const prompt = tokenPrompt(tokens);
    checkPrompt(prompt, this);
    const generation = this.#newGeneration(
      {
        prompt,
        maxTokens: 0,
        sampling: DEFAULT_SAMPLING,
        stopTokens: [],
        topLogprobs: null,
        promptLogprobs: false,
      },
      false,
      (position, row) => visit(position, this.#decoder.logits(row)),
    );
    for await (const event of this.#loop.run(generation, signal)) if (event.type === 'done') return;
  }

  #checkOpen(): void {
    if (this.#closed) throw unloaded(this.modelId);
  }

  #check(request: GenerateRequest): void {
    this.#checkOpen();
    const nPrefix = request.adapter?.nPrefix ?? 0;
    if (nPrefix >= this.nCtx) throw noContext(this.modelId, nPrefix, this.nCtx);
    const { modelId, nCtx, config } = this;
    checkPrompt(request.prompt, { modelId, nCtx: nCtx - nPrefix, config });
    checkScope(request.scope);
    checkSampling(request.sampling, this.config.nVocab);
    const { maxTokens, adapter } = request;
    if (adapter !== undefined && !this.#adapters.ids.includes(adapter.id))
      throw new EngineError(
        'E_INTERNAL',
        `engine: adapter ${adapter.id} is not held; call useAdapter before a request that names it.`,
      );
    if (!Number.isInteger(maxTokens) || maxTokens < 0) {
      throw new EngineError(
        'E_REQUEST_INVALID',
        `max_tokens: expected a whole number >= 0, got ${maxTokens}. Give a number of tokens.`,
        {
          param: 'max_tokens',
          details: { maxTokens },
        },
      );
    }
  }
}

function handleOf(adapter: GenerateRequest['adapter']): AdapterHandle | null {
  if (adapter === undefined) return null;
  const { id, nPrefix = 0 } = adapter;
  return nPrefix === 0 ? { id } : { id, nPrefix };
}

function noContext(modelId: string, nPrefix: number, nCtx: number): EngineError {
  return new EngineError(
    'E_MEMORY_BUDGET',
    `adapter: its prefix takes ${nPrefix} positions, and the context of ${modelId} has ${nCtx}. ` +
      'Train a shorter prefix, or place the model with more context.',
    { details: { nPrefix, nCtx } },
  );
}

/** Positions any layer attends to at most; null when one attends to all. */
function widestWindow({ windows, nLayer }: ModelConfig): number | null {
  const ofLayers = Array.from({ length: nLayer }, (_, layer) => windows?.[layer] ?? 0);
  return ofLayers.includes(0) ? null : Math.max(...ofLayers);
}

async function yieldToReaders(): Promise<void> {
  for (let turn = 0; turn < READER_TURNS; turn++) await Promise.resolve();
}
