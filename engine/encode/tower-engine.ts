/** A loaded vision tower: squares in, rows of a text model's width out. One at a time. */
import { archTensors, familyByName } from '../archs/index.ts';
import { plainTurns } from '../base/turns.ts';
import type { KernelBuild, KernelModules } from '../kernels/wasm/module.ts';
import type { TowerManifest } from '../manifest/manifest.ts';
import type { TowerConfig } from '../manifest/tower-config.ts';
import type { BudgetOptions } from '../model/memory/layout.ts';
import { loadModel } from '../model/memory/load-model.ts';
import type { LoadOptions } from '../model/memory/load-model.ts';
import type { ModelSource } from '../model/memory/source.ts';
import { MAX_WAITING_SQUARES, planTower } from '../model/tower/plan.ts';
import type { TowerPlan } from '../model/tower/plan.ts';
import { TowerEncoder } from '../model/tower/tower-encoder.ts';
import { PictureTurns } from './picture-turns.ts';

export class TowerEngine {
  readonly modelId: string;
  readonly plan: TowerPlan;
  readonly kernelBuild: KernelBuild;
  readonly #encoder: TowerEncoder;
  readonly #turns: PictureTurns;

  private constructor(
    modelId: string,
    encoder: TowerEncoder,
    plan: TowerPlan,
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
   * @throws {EngineError} E_MEMORY_BUDGET before anything is allocated; E_ARCH_UNKNOWN, E_WEIGHTS_HASH, E_WEIGHTS_FETCH,
   * E_TENSOR_MISSING, E_TENSOR_SHAPE.
   */
  static async load(
    source: ModelSource<TowerManifest>,
    modules: KernelModules,
    options: BudgetOptions & LoadOptions = {},
  ): Promise<TowerEngine> {
    const { manifest } = source;
    const { config } = manifest;
    const plan = planTower(manifest, options);
    const instances = archTensors(familyByName('tower', manifest.architecture), config);
    const loaded = await loadModel(source, instances, plan, modules, options);
    const { weights, kernels, memory, build } = loaded;
    const encoder = new TowerEncoder(config, plan, weights, kernels, memory);
    const openTurns = options.openTurns ?? plainTurns(() => Promise.resolve());
    const turns = new PictureTurns(manifest.id, MAX_WAITING_SQUARES, openTurns);
    return new TowerEngine(manifest.id, encoder, plan, build, turns);
  }

  get config(): TowerConfig {
    return this.#encoder.config;
  }

  close(): void {
    this.#turns.close();
  }

  /**
   * A square as rows that the tower's text model reads in place of tokens.
   * @param rgb [side, side, 3]
   * @param subject whose picture it is: subjects take turns
   * @returns [towerRows, connector.nOut]
   * @throws {EngineError} E_REQUEST_INVALID for other sides, E_ABORTED, E_BUSY when others wait
   */
  async show(rgb: Uint8Array, signal?: AbortSignal, subject = ''): Promise<Float32Array> {
    const { side } = this.config;
    return await this.#turns.run({ rgb, side }, () => this.#encoder.show(rgb), signal, subject);
  }

  /** The rows of the last layer, before the connector. @returns [rows, nEmbd] @throws {EngineError} as `show` */
  async look(rgb: Uint8Array, signal?: AbortSignal, subject = ''): Promise<Float32Array> {
    const { side } = this.config;
    return await this.#turns.run({ rgb, side }, () => this.#encoder.look(rgb), signal, subject);
  }
}
