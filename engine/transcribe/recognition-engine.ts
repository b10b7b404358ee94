/**
 * A loaded recognition model that transcribes one window: samples in, token ids and times out. The only
 * thing hosts talk to; knows no text, no files, no HTTP. One transcription at a time: they share their
 * working memory.
 */
import { archTensors, familyByName } from '../archs/index.ts';
import { LogMel } from '../audio/log-mel.ts';
import { EngineError, throwIfAborted, unloaded } from '../base/errors.ts';
import { RunQueue } from '../base/run-queue.ts';
import type { RecognitionManifest } from '../manifest/manifest.ts';
import type { RecognitionConfig } from '../manifest/recognition-config.ts';
import { plainTurns } from '../base/turns.ts';
import type { OpenTurns } from '../base/turns.ts';
import type { KernelBuild, KernelModules } from '../kernels/wasm/module.ts';
import { AudioEncoder } from '../model/recognition/audio-encoder.ts';
import { loadModel } from '../model/memory/load-model.ts';
import type { LoadOptions } from '../model/memory/load-model.ts';
import type { ModelSource } from '../model/memory/source.ts';
import { TextDecoder } from '../model/recognition/text-decoder.ts';
import { FRAMES_PER_POSITION, MAX_WAITING, planRecognition } from '../model/recognition/plan.ts';
import type { RecognitionPlan, RecognitionPlanOptions } from '../model/recognition/plan.ts';
import { checkTranscribe } from './window/check-request.ts';
import { Transcription } from './window/transcription.ts';
import type { RecognitionParts } from './window/transcription.ts';
import type { TranscribeEvent, TranscribeRequest } from './types.ts';

export interface RecognitionEngineOptions extends RecognitionPlanOptions, LoadOptions {}

export interface RecognitionEngineStats {
  readonly modelId: string;
  readonly kernelBuild: KernelBuild;
  readonly wasmBytes: number;
  readonly nRunning: number;
  readonly nQueued: number;
  readonly loadMs: number;
}

/** Seconds a client should wait before it tries again. */
const BUSY_RETRY_AFTER_S = 2;

const STOPPED = 'transcription: stopped by the caller';

export class RecognitionEngine {
  readonly modelId: string;
  readonly plan: RecognitionPlan;
  readonly #parts: RecognitionParts;
  readonly #build: KernelBuild;
  readonly #openTurns: OpenTurns;
  readonly #loadMs: number;
  readonly #queue: RunQueue;
  #loadMsUnreported: number;

  private constructor(
    manifest: RecognitionManifest,
    parts: RecognitionParts,
    plan: RecognitionPlan,
    build: KernelBuild,
    openTurns: OpenTurns,
    loadMs: number,
  ) {
    this.modelId = manifest.id;
    this.plan = plan;
    this.#parts = parts;
    this.#build = build;
    this.#openTurns = openTurns;
    // Each that waits holds up to 30 s of samples, which the memory plan counts.
    this.#queue = new RunQueue({
      maxWaiting: MAX_WAITING,
      busy: (nWaiting) => tooManyTranscriptions(manifest.id, nWaiting),
      aborted: STOPPED,
    });
    this.#loadMs = loadMs;
    this.#loadMsUnreported = loadMs;
  }

  /**
   * Plans, allocates once, loads and checks every shard.
   * @throws {EngineError} E_MEMORY_BUDGET before anything is allocated; E_ARCH_UNKNOWN, E_WEIGHTS_HASH,
   * E_WEIGHTS_FETCH, E_TENSOR_MISSING, E_TENSOR_SHAPE.
   */
  static async load(
    source: ModelSource<RecognitionManifest>,
    modules: KernelModules,
    options: RecognitionEngineOptions = {},
  ): Promise<RecognitionEngine> {
    const startedAt = Date.now();
    const { manifest } = source;
    const { config } = manifest;
    const plan = planRecognition(manifest, options);
    const instances = archTensors(familyByName('recognition', manifest.architecture), config);
    const loaded = await loadModel(source, instances, plan, modules, options);
    const { weights, kernels, memory, build } = loaded;
    const parts: RecognitionParts = {
      config,
      kernels,
      mel: new LogMel(config.nMels),
      encoder: new AudioEncoder(config, plan, weights, kernels, memory),
      decoder: new TextDecoder(config, plan, weights, kernels, memory),
    };
    warmUp(parts);
    const openTurns = options.openTurns ?? plainTurns(() => Promise.resolve());
    return new RecognitionEngine(manifest, parts, plan, build, openTurns, Date.now() - startedAt);
  }

  get config(): RecognitionConfig {
    return this.#parts.config;
  }

  stats(): RecognitionEngineStats {
    return {
      modelId: this.modelId,
      kernelBuild: this.#build,
      wasmBytes: this.plan.wasmBytes,
      nRunning: this.#queue.nRunning,
      nQueued: this.#queue.nWaiting,
      loadMs: this.#loadMs,
    };
  }

  close(): void {
    this.#queue.close(unloaded(this.modelId));
  }

  /**
   * Transcribes one window. A transcription waits while another runs; leaving (or aborting) ends a
   * transcription before its next token or layer.
   * @param subject whose recording it is: subjects take turns
   * @throws {EngineError} E_REQUEST_INVALID, E_BACKEND_UNAVAILABLE, E_ABORTED; E_BUSY when
   *   MAX_WAITING others wait.
   */
  async *transcribe(
    request: TranscribeRequest,
    signal: AbortSignal,
    subject = '',
  ): AsyncGenerator<TranscribeEvent, void, void> {
    checkTranscribe(this.config, request);
    const queuedAt = Date.now();
    const leave = await this.#queue.enter(signal, subject);
    try {
      const loadMs = this.#loadMsUnreported;
      this.#loadMsUnreported = 0;
      const transcription = new Transcription(this.#parts, request, {
        loadMs,
        queueMs: Date.now() - queuedAt,
      });
      yield* this.#run(transcription, signal);
    } finally {
      leave();
    }
  }

  async *#run(
    transcription: Transcription,
    signal: AbortSignal,
  ): AsyncGenerator<TranscribeEvent, void, void> {
    const turns = this.#openTurns();
    try {
      for (const event of transcription.run()) {
        throwIfAborted(signal, STOPPED);
        if (event !== null) yield event;
        await turns.next();
        throwIfAborted(signal, STOPPED);
      }
    } finally {
      turns.close();
    }
  }
}

function tooManyTranscriptions(modelId: string, nWaiting: number): EngineError {
  return new EngineError(
    'E_BUSY',
    `engine: ${modelId} has ${nWaiting} transcriptions waiting; expected fewer than ${MAX_WAITING}. ` +
      'Try again when one of them has ended.',
    { details: { nQueued: nWaiting, retryAfterS: BUSY_RETRY_AFTER_S } },
  );
}

/** Positions of the warm-up: enough for whole tiles and what is left of one. */
const WARM_POSITIONS = 70;
const WARM_TOKENS = 3;

/** Runs every kernel a little: V8 optimizes what has run (engine/generate/warm-up.ts). */
function warmUp({ encoder, decoder, config, mel }: RecognitionParts): void {
  const S = Math.min(WARM_POSITIONS, config.nAudioCtx);
  mel.fill(new Float32Array(1), FRAMES_PER_POSITION * S, encoder.stem.features(S));
  for (const _ of encoder.run(S, (...rows) => decoder.hear(...rows)));
  decoder.listen(S);
  const { startOfTranscript } = config.tokens;
  decoder.forward(Array.from({ length: 5 }, () => startOfTranscript));
  for (let i = 0; i < WARM_TOKENS; i++) decoder.forward([startOfTranscript], [0], () => undefined);
}
