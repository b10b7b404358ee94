/**
 * A loaded embedding model: token ids in, vectors out. The only thing hosts talk to; knows no text, no
 * files, no HTTP. One call at a time: calls share their working memory.
 */
import { archTensors, familyByName } from '../archs/index.ts';
import { EngineError, throwIfAborted, unloaded } from '../base/errors.ts';
import { RunQueue } from '../base/run-queue.ts';
import type { EncoderConfig, EncoderManifest } from '../manifest/manifest.ts';
import { plainTurns } from '../base/turns.ts';
import type { OpenTurns, Steps } from '../base/turns.ts';
import type { KernelBuild, KernelModules } from '../kernels/wasm/module.ts';
import { PASS_TOKENS, planEncoder } from '../model/encoder/plan.ts';
import type { EncoderPlan } from '../model/encoder/plan.ts';
import type { BudgetOptions } from '../model/memory/layout.ts';
import { loadModel } from '../model/memory/load-model.ts';
import type { LoadOptions } from '../model/memory/load-model.ts';
import type { ModelSource } from '../model/memory/source.ts';
import { TextEncoder } from '../model/encoder/text-encoder.ts';
import { requireEncoderUse, requireLate } from './encoder-use.ts';
import { planPasses } from './passes.ts';

export interface EncoderEngineOptions extends BudgetOptions, LoadOptions {}

/** Most texts of a call: a caller sends the rest in further calls. */
export const MAX_TEXTS_A_CALL = 2048;

/** Calls that may wait for others to end: each holds the ids of its texts. */
export const MAX_WAITING_CALLS = 256;
/** Seconds a client should wait before it tries again. */
const BUSY_RETRY_AFTER_S = 2;

/** Tokens of the warm-up: whole tiles, and what is left of one. */
const WARM_TOKENS = 71;

/** Runs steps to their end. */
type RunSteps = <T>(steps: Steps<T>) => Promise<T>;

const STOPPED = 'embedding: stopped by the caller';

export class EncoderEngine {
  readonly modelId: string;
  readonly plan: EncoderPlan;
  readonly kernelBuild: KernelBuild;
  readonly #encoder: TextEncoder;
  readonly #openTurns: OpenTurns;
  readonly #queue: RunQueue;

  private constructor(
    modelId: string,
    encoder: TextEncoder,
    plan: EncoderPlan,
    kernelBuild: KernelBuild,
    openTurns: OpenTurns,
  ) {
    this.modelId = modelId;
    this.#encoder = encoder;
    this.plan = plan;
    this.kernelBuild = kernelBuild;
    this.#openTurns = openTurns;
    this.#queue = new RunQueue({
      maxWaiting: MAX_WAITING_CALLS,
      busy: (nWaiting) => tooManyCalls(modelId, nWaiting),
      aborted: STOPPED,
    });
  }

  /**
   * Plans, allocates once, loads and checks every shard.
   * @throws {EngineError} E_MEMORY_BUDGET before anything is allocated; E_ARCH_UNKNOWN, E_WEIGHTS_HASH,
   * E_WEIGHTS_FETCH, E_TENSOR_MISSING, E_TENSOR_SHAPE.
   */
  static async load(
    source: ModelSource<EncoderManifest>,
    modules: KernelModules,
    options: EncoderEngineOptions = {},
  ): Promise<EncoderEngine> {
    const { manifest } = source;
    const arch = familyByName('encoder', manifest.architecture);
    const plan = planEncoder(manifest, options);
    const instances = archTensors(arch, manifest.config);
    const loaded = await loadModel(source, instances, plan, modules, options);
    const { weights, kernels, memory, build } = loaded;
    const encoder = new TextEncoder(arch, manifest.config, plan, weights, kernels, memory);
    const openTurns = options.openTurns ?? plainTurns(() => Promise.resolve());
    const engine = new EncoderEngine(manifest.id, encoder, plan, build, openTurns);
    // V8 optimizes what has run (engine/generate/warm-up.ts).
    const warm = Array.from({ length: Math.min(WARM_TOKENS, manifest.config.nCtx) }, () => 0);
    for (const _ of encoder.run([warm]));
    return engine;
  }

  get config(): EncoderConfig {
    return this.#encoder.config;
  }

  close(): void {
    this.#queue.close(unloaded(this.modelId));
  }

  /**
   * One vector per text, [nEmbd] f32, in the texts' order. A call waits while another runs; aborting
   * ends the waiting, or a call before its next layer.
   * @param subject whose call it is: subjects take turns
   * @throws {EngineError} E_REQUEST_INVALID, E_PROMPT_TOO_LONG, E_BACKEND_UNAVAILABLE, E_ABORTED;
   *   E_BUSY when MAX_WAITING_CALLS others wait; E_MODEL_KIND for a reranker.
   */
  async embed(
    texts: readonly (readonly number[])[],
    signal?: AbortSignal,
    subject = '',
  ): Promise<Float32Array[]> {
    requireEncoderUse(this.modelId, this.config, 'embed');
    return await this.#enter(texts, signal, subject);
  }

  /**
   * How relevant a passage is to a query, for texts that hold both as the reranker was trained to read them: its
   * first class, a logit or a probability (`score` of the family).
   * @throws {EngineError} as `embed`; E_MODEL_KIND for a model that gives vectors.
   */
  async score(
    texts: readonly (readonly number[])[],
    signal?: AbortSignal,
    subject = '',
  ): Promise<number[]> {
    const scores = await this.classScores(texts, signal, subject);
    return scores.map((classes) => classes[0]!);
  }

  /**
   * Scores of all classes of a reranker or classifier, [nClass] for each text: logits or probabilities (`score` of the
   * family).
   * @throws {EngineError} as `score`
   */
  async classScores(
    texts: readonly (readonly number[])[],
    signal?: AbortSignal,
    subject = '',
  ): Promise<Float32Array[]> {
    requireEncoderUse(this.modelId, this.config, 'score');
    return await this.#enter(texts, signal, subject);
  }

  /**
   * How relevant passages are to a query by late interaction (LateInteraction.score), in the passages' order.
   * @throws {EngineError} as `embed`; E_MODEL_KIND for a model without vectors of tokens
   */
  async interact(
    query: readonly number[],
    passages: readonly (readonly number[])[],
    signal?: AbortSignal,
    subject = '',
  ): Promise<number[]> {
    requireLate(this.modelId, this.config);
    this.#check([query]);
    this.#check(passages);
    return await this.#inTurn(signal, subject, async (run) => {
      await run(this.#encoder.holdQuery(query));
      return await this.#inPasses(passages, run, (texts) => this.#encoder.interact(texts));
    });
  }

  async #enter(
    texts: readonly (readonly number[])[],
    signal: AbortSignal | undefined,
    subject: string,
  ): Promise<Float32Array[]> {
    this.#check(texts);
    return await this.#inTurn(signal, subject, (run) =>
      this.#inPasses(texts, run, (pass) => this.#encoder.run(pass)),
    );
  }

  /** Does `work` when the calls before it are done; it gives others a turn between the steps that it runs. */
  async #inTurn<T>(
    signal: AbortSignal | undefined,
    subject: string,
    work: (run: RunSteps) => Promise<T>,
  ): Promise<T> {
    const leave = await this.#queue.enter(signal, subject);
    const turns = this.#openTurns();
    try {
      return await work(async (steps) => {
        let step = steps.next();
        for (; step.done !== true; step = steps.next()) {
          await turns.next();
          if (signal !== undefined) throwIfAborted(signal, STOPPED);
        }
        return step.value;
      });
    } finally {
      turns.close();
      leave();
    }
  }

  /** What `encode` makes of each text, in the order of the texts, a pass at a time. */
  async #inPasses<T>(
    texts: readonly (readonly number[])[],
    run: RunSteps,
    encode: (pass: readonly (readonly number[])[]) => Steps<T[]>,
  ): Promise<T[]> {
    const made: T[] = [];
    const lengths = texts.map(({ length }) => length);
    for (const pass of planPasses(lengths, Math.max(PASS_TOKENS, ...lengths))) {
      const values = await run(encode(pass.map((i) => texts[i]!)));
      for (const [k, i] of pass.entries()) made[i] = values[k]!;
    }
    return made;
  }

  #check(texts: readonly (readonly number[])[]): void {
    const { nCtx, nVocab } = this.config;
    if (texts.length > MAX_TEXTS_A_CALL)
      throw new EngineError(
        'E_REQUEST_INVALID',
        `embed: expected at most ${MAX_TEXTS_A_CALL} texts, got ${texts.length}. Send the rest in another call.`,
      );
    for (const [i, text] of texts.entries()) {
      if (text.length === 0 || text.length > nCtx)
        throw new EngineError(
          text.length === 0 ? 'E_REQUEST_INVALID' : 'E_PROMPT_TOO_LONG',
          `embed: text ${i}; expected 1 to ${nCtx} tokens, got ${text.length}. Shorten or split it.`,
          { details: { index: i, tokens: text.length, nCtx } },
        );
      const bad = text.find((id) => !Number.isInteger(id) || id < 0 || id >= nVocab);
      if (bad !== undefined)
        throw new EngineError(
          'E_REQUEST_INVALID',
          `embed: text ${i}; expected token ids below ${nVocab}, got ${bad}. Use the tokenizer of this model.`,
          { details: { index: i, id: bad } },
        );
    }
  }
}

function tooManyCalls(modelId: string, nWaiting: number): EngineError {
  return new EngineError(
    'E_BUSY',
    `engine: ${modelId} has ${nWaiting} calls waiting; expected at most ${MAX_WAITING_CALLS}. ` +
      'Try again when some of them have ended.',
    { details: { nQueued: nWaiting, retryAfterS: BUSY_RETRY_AFTER_S } },
  );
}
