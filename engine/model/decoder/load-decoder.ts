/** From a model's files to a decoder in WebAssembly: plans, allocates once, loads and checks every shard. */
import { archByName } from '../../archs/index.ts';
import type { KernelBuild, KernelModules } from '../../kernels/wasm/module.ts';
import type { DecoderManifest } from '../../manifest/manifest.ts';
import { loadModel } from '../memory/load-model.ts';
import type { LoadOptions } from '../memory/load-model.ts';
import type { ModelSource } from '../memory/source.ts';
import { Decoder } from './decoder.ts';
import { planMemory } from './plan.ts';
import type { PlanOptions } from './plan.ts';
import { pieceTensors } from './piece.ts';

export interface LoadedDecoder {
  readonly decoder: Decoder;
  readonly build: KernelBuild;
}

/**
 * @throws {EngineError} E_MEMORY_BUDGET before anything is allocated; E_ARCH_UNKNOWN, E_TENSOR_MISSING,
 *   E_TENSOR_SHAPE, E_DTYPE_UNSUPPORTED, E_WEIGHTS_HASH, E_WEIGHTS_FETCH.
 */
export async function loadDecoder(
  source: ModelSource<DecoderManifest>,
  modules: KernelModules,
  options: PlanOptions & Omit<LoadOptions, 'openTurns'> = {},
): Promise<LoadedDecoder> {
  const { manifest } = source;
  const plan = planMemory(manifest, options);
  const instances = pieceTensors(archByName(manifest.architecture), manifest.config, plan.piece);
  const loaded = await loadModel(source, instances, plan, modules, options);
  const { weights, kernels, memory, build } = loaded;
  return { decoder: new Decoder(manifest, plan, weights, kernels, memory), build };
}
