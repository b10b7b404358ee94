/** From a plan to weights in memory, for every kind of model. Allocates once. */
import type { TensorInstance } from '../../archs/index.ts';
import type { OpenTurns } from '../../base/turns.ts';
import { createMemory, instantiateKernels } from '../../kernels/wasm/module.ts';
import type { KernelBuild, KernelExports, KernelModules } from '../../kernels/wasm/module.ts';
import type { WeightMap } from './layer-weights.ts';
import type { MemoryLayout } from './layout.ts';
import { bindWeights, loadShards } from './loader.ts';
import type { ModelSource } from './source.ts';

/** Options of loading that every kind of engine has. */
export interface LoadOptions {
  /**
   * Gives the host's event loop a turn between steps. By default only pending promises run: give it
   * where aborts or requests come with the event loop's turns.
   */
  openTurns?: OpenTurns;
  /** Forces one kernel build (tests, benches). */
  kernelBuild?: KernelBuild;
  onLoadProgress?: (loadedBytes: number, totalBytes: number) => void;
}

export interface LoadedModel {
  readonly weights: WeightMap;
  readonly kernels: KernelExports;
  readonly build: KernelBuild;
  readonly memory: WebAssembly.Memory;
}

/**
 * Binds every weight, allocates what the plan says, loads and checks every planned shard.
 * @param instances every tensor such a model has or may have
 * @throws {EngineError} E_TENSOR_MISSING, E_TENSOR_SHAPE and E_DTYPE_UNSUPPORTED before anything is
 *   allocated; E_WEIGHTS_HASH, E_WEIGHTS_FETCH.
 */
export async function loadModel(
  source: ModelSource,
  instances: readonly TensorInstance[],
  { shardAddresses, wasmBytes }: Pick<MemoryLayout<never>, 'shardAddresses' | 'wasmBytes'>,
  modules: KernelModules,
  { kernelBuild, onLoadProgress }: Omit<LoadOptions, 'openTurns'>,
): Promise<LoadedModel> {
  const { manifest } = source;
  const weights = bindWeights(manifest, instances, shardAddresses);
  const memory = createMemory(wasmBytes);
  const { exports: kernels, build } = await instantiateKernels(modules, memory, kernelBuild);
  const totalBytes = manifest.shards.reduce(
    (sum, { bytes }, i) => sum + ((shardAddresses[i] ?? null) === null ? 0 : bytes),
    0,
  );
  await loadShards(source, shardAddresses, memory, (bytes) => onLoadProgress?.(bytes, totalBytes));
  return { weights, kernels, build, memory };
}
