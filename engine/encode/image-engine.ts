/** A loaded image encoder: pixels in, scores of classes and features out. One picture at a time. */
import { EngineError, throwIfAborted, unloaded } from '../base/errors.ts';
import { RunQueue } from '../base/run-queue.ts';
import { plainTurns } from '../base/turns.ts';
import type { OpenTurns } from '../base/turns.ts';
import type { KernelBuild, KernelModules } from '../kernels/wasm/module.ts';
import type { VisionManifest } from '../manifest/manifest.ts';
import type { VisionConfig } from '../manifest/vision-config.ts';
import type { BudgetOptions } from '../model/memory/layout.ts';
import { loadModel } from '../model/memory/load-model.ts';
import type { LoadOptions } from '../model/memory/load-model.ts';
import type { ModelSource } from '../model/memory/source.ts';
import { ImageEncoder } from '../model/vision/image-encoder.ts';
import type { SeenPicture } from '../model/vision/image-encoder.ts';
import { MAX_WAITING_PICTURES, planVision } from '../model/vision/plan.ts';
import type { VisionPlan } from '../model/vision/plan.ts';
import { visionTensors } from '../model/vision/tensors.ts';

const BUSY_RETRY_AFTER_S = 2;
const STOPPED = 'picture: stopped by the caller';

export class ImageEngine {
  readonly modelId: string;
  readonly plan: VisionPlan;
  readonly kernelBuild: KernelBuild;
  readonly #encoder: ImageEncoder;
  readonly #openTurns: OpenTurns;
  readonly #queue: RunQueue;

  private constructor(
    modelId: string,
    encoder: ImageEncoder,
    plan: VisionPlan,
    kernelBuild: KernelBuild,
    openTurns: OpenTurns,
  ) {
    this.modelId = modelId;
    this.#encoder = encoder;
    this.plan = plan;
    this.kernelBuild = kernelBuild;
    this.#openTurns = openTurns;
    this.#queue = new RunQueue({
      maxWaiting: MAX_WAITING_PICTURES,
      busy: (nQueued) =>
        new EngineError(
          'E_BUSY',
          `engine: ${modelId} has ${nQueued} pictures waiting; expected at most ${MAX_WAITING_PICTURES}. Try again when some of them have ended.`,
          { details: { nQueued, retryAfterS: BUSY_RETRY_AFTER_S } },
        ),
      aborted: STOPPED,
    });
  }

  /**
   * Plans, allocates once, loads and checks every shard.
   * @throws {EngineError} E_MEMORY_BUDGET before anything is allocated; E_WEIGHTS_HASH, E_WEIGHTS_FETCH,
   * E_TENSOR_MISSING, E_TENSOR_SHAPE.
   */
  static async load(
    source: ModelSource<VisionManifest>,
    modules: KernelModules,
    options: BudgetOptions & LoadOptions = {},
  ): Promise<ImageEngine> {
    const { manifest } = source;
    const { config } = manifest;
    const plan = planVision(manifest, options);
    const loaded = await loadModel(source, visionTensors(config), plan, modules, options);
    const { weights, kernels, memory, build } = loaded;
    const encoder = new ImageEncoder(config, plan, weights, kernels, memory);
    // V8 optimizes what has run (engine/generate/warm-up.ts).
    for (const _ of encoder.see(new Uint8Array(config.side * config.side * 3)));
    const openTurns = options.openTurns ?? plainTurns(() => Promise.resolve());
    return new ImageEngine(manifest.id, encoder, plan, build, openTurns);
  }

  get config(): VisionConfig {
    return this.#encoder.config;
  }

  close(): void {
    this.#queue.close(unloaded(this.modelId));
  }

  /**
   * @param rgb [side, side, 3], a picture that was brought to the model's sides
   * @param subject whose picture it is: subjects take turns
   * @throws {EngineError} E_REQUEST_INVALID for other sides, E_ABORTED, E_BUSY when others wait
   */
  async see(rgb: Uint8Array, signal?: AbortSignal, subject = ''): Promise<SeenPicture> {
    const { side } = this.config;
    if (rgb.length !== side * side * 3)
      throw new EngineError(
        'E_REQUEST_INVALID',
        `picture: expected ${side} x ${side} pixels of three bytes, got ${rgb.length} bytes. Resize it.`,
        { param: 'image', details: { side, bytes: rgb.length } },
      );
    const leave = await this.#queue.enter(signal, subject);
    const turns = this.#openTurns();
    try {
      const steps = this.#encoder.see(rgb);
      let step = steps.next();
      for (; step.done !== true; step = steps.next()) {
        await turns.next();
        if (signal !== undefined) throwIfAborted(signal, STOPPED);
      }
      return step.value;
    } finally {
      turns.close();
      leave();
    }
  }
}
