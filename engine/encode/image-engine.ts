/** A loaded image encoder: pixels in, scores of classes and features out. One picture at a time. */
import { EngineError } from '../base/errors.ts';
import { plainTurns } from '../base/turns.ts';
import type { Steps } from '../base/turns.ts';
import type { KernelBuild, KernelModules } from '../kernels/wasm/module.ts';
import type { VisionManifest } from '../manifest/manifest.ts';
import type { VisionConfig } from '../manifest/vision-config.ts';
import { loadModel } from '../model/memory/load-model.ts';
import type { LoadOptions } from '../model/memory/load-model.ts';
import type { ModelSource } from '../model/memory/source.ts';
import { ImageEncoder } from '../model/vision/image-encoder.ts';
import type { SeenPicture } from '../model/vision/image-encoder.ts';
import { MAX_WAITING_PICTURES, planVision } from '../model/vision/plan.ts';
import type { VisionPlan, VisionPlanOptions } from '../model/vision/plan.ts';
import type { EyesSizes, EyesSource } from '../model/vision/projector.ts';
import { visionTensors } from '../model/vision/tensors.ts';
import { PictureTurns } from './picture-turns.ts';

export class ImageEngine {
  readonly modelId: string;
  readonly plan: VisionPlan;
  readonly kernelBuild: KernelBuild;
  readonly #encoder: ImageEncoder;
  readonly #turns: PictureTurns;

  private constructor(
    modelId: string,
    encoder: ImageEncoder,
    plan: VisionPlan,
    kernelBuild: KernelBuild,
    turns: PictureTurns,
  ) {
    this.modelId = modelId;
    this.#encoder = encoder;
    this.plan = plan;
    this.kernelBuild = kernelBuild;
    this.#turns = turns;
  }

  /**
   * Plans, allocates once, loads and checks every shard.
   * @throws {EngineError} E_MEMORY_BUDGET before anything is allocated; E_WEIGHTS_HASH, E_WEIGHTS_FETCH,
   * E_TENSOR_MISSING, E_TENSOR_SHAPE.
   */
  static async load(
    source: ModelSource<VisionManifest>,
    modules: KernelModules,
    options: VisionPlanOptions & LoadOptions = {},
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
    const turns = new PictureTurns(manifest.id, MAX_WAITING_PICTURES, openTurns);
    return new ImageEngine(manifest.id, encoder, plan, build, turns);
  }

  get config(): VisionConfig {
    return this.#encoder.config;
  }

  close(): void {
    this.#turns.close();
  }

  /**
   * @param rgb [side, side, 3], a picture that was brought to the model's sides
   * @param subject whose picture it is: subjects take turns
   * @throws {EngineError} E_REQUEST_INVALID for other sides, E_ABORTED, E_BUSY when others wait
   */
  async see(rgb: Uint8Array, signal?: AbortSignal, subject = ''): Promise<SeenPicture> {
    return await this.#run(rgb, () => this.#encoder.see(rgb), signal, subject);
  }

  /**
   * The same picture as a grid of vectors: means of the last map.
   * @param grid vectors a side, at most as many as the map has @returns [grid * grid, nFeature]
   * @throws {EngineError} as `see`; E_REQUEST_INVALID for a larger grid
   */
  async look(
    rgb: Uint8Array,
    grid: number,
    signal?: AbortSignal,
    subject = '',
  ): Promise<Float32Array> {
    this.#checkGrid(grid);
    return await this.#run(rgb, () => this.#encoder.look(rgb, grid), signal, subject);
  }

  /**
   * A picture as rows that a language model reads in place of tokens.
   * @param eyes are read when they are not those that were used last
   * @returns [grid * grid, nEmbd] of the eyes
   * @throws {EngineError} as `look`; E_ADAPTER_BASE for eyes of another encoder, E_MEMORY_BUDGET for those that were not
   *   planned for; what reading them throws
   */
  async show(
    rgb: Uint8Array,
    eyes: EyesSource,
    signal?: AbortSignal,
    subject = '',
  ): Promise<Float32Array> {
    // In turn: others may see through other eyes.
    const begin = async (): Promise<Steps<Float32Array>> => {
      const { projector } = this.#encoder;
      if (projector.held?.id !== eyes.id) {
        const tensors = await eyes.load();
        this.#checkEyes(eyes.id, tensors);
        projector.hold(eyes.id, tensors);
      }
      return this.#encoder.show(rgb);
    };
    return await this.#run(rgb, begin, signal, subject);
  }

  #checkEyes(id: string, { nFeature, grid }: EyesSizes): void {
    this.#checkGrid(grid);
    if (nFeature === this.config.nFeature) return;
    throw new EngineError(
      'E_ADAPTER_BASE',
      `adapter ${id}: its eyes take ${nFeature} channels; expected ${this.config.nFeature}, as ${this.modelId} has. Train it again with this encoder.`,
      { details: { nFeature, expected: this.config.nFeature } },
    );
  }

  #checkGrid(grid: number): void {
    const { lastSide } = this.#encoder;
    if (!Number.isInteger(grid) || grid < 1 || grid > lastSide)
      throw new EngineError(
        'E_REQUEST_INVALID',
        `picture: a grid of ${grid}; expected 1 to ${lastSide}, as the last map of ${this.modelId} has. Choose a smaller one.`,
        { param: 'image', details: { grid, lastSide } },
      );
  }

  async #run<T>(
    rgb: Uint8Array,
    begin: () => Steps<T> | Promise<Steps<T>>,
    signal: AbortSignal | undefined,
    subject: string,
  ): Promise<T> {
    const { side } = this.config;
    return await this.#turns.run({ rgb, side }, begin, signal, subject);
  }
}
