/** Where tests find real model files, and engines over them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { archByName, archTensors } from '../../engine/archs/index.ts';
import { requireKind } from '../../engine/manifest/manifest.ts';
import type { DecoderManifest } from '../../engine/manifest/manifest.ts';
import { Engine } from '../../engine/generate/engine.ts';
import type { EngineOptions } from '../../engine/generate/engine.ts';
import { createMemory, instantiateKernels } from '../../engine/kernels/wasm/module.ts';
import { Decoder } from '../../engine/model/decoder/decoder.ts';
import { bindWeights, loadShards } from '../../engine/model/memory/loader.ts';
import { planMemory } from '../../engine/model/decoder/plan.ts';
import type { ModelSource } from '../../engine/model/memory/source.ts';
import { importModel } from '../../scripts/import/import-model.ts';
import { loadKernelModules } from '../../scripts/node-host/kernels.ts';
import { FileModelSource } from '../../scripts/node-host/model-files.ts';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { pullModel } from '../../scripts/pull/pull.ts';

export const STORIES_FILE = join(repoRoot, 'assets/stories260k/stories260K.bin');

/** Path of the SmolLM2-135M-Instruct GGUF that `npm start` pulls; pulled when it is not cached. */
export async function smollm2Gguf(): Promise<string> {
  const path = process.env['THIMBLE_TEST_GGUF'];
  if (path !== undefined && existsSync(path)) return path;
  return (await pullModel('smollm2-135m-instruct')).path;
}

/** A folder that is gone when the returned value is disposed. */
export async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'thimble-test-'));
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

/** Imports `input` with `preset` and gives its files to `load`. */
async function imported<T>(
  input: string,
  preset: string,
  load: (source: ModelSource<DecoderManifest>) => Promise<T>,
): Promise<T> {
  await using folder = await temporaryFolder();
  const { folder: model, manifest } = await importModel({
    input,
    id: 'test',
    preset,
    outRoot: folder.path,
  });
  // Awaited here: the folder goes when this function returns.
  return await load(new FileModelSource(model, requireKind(manifest, 'decoder')));
}

/** Imports `input` with `preset` and loads it, without a memory limit unless one is given. */
export async function engineFrom(
  input: string,
  preset: string,
  options: EngineOptions = {},
): Promise<Engine> {
  const modules = await loadKernelModules();
  return await imported(input, preset, (source) =>
    Engine.load(source, modules, { memoryBudgetBytes: null, ...options }),
  );
}

/** The bare forward pass of what `engineFrom` loads. */
export async function decoderFrom(
  input: string,
  preset: string,
  options: EngineOptions = {},
): Promise<{ decoder: Decoder; manifest: DecoderManifest }> {
  const modules = await loadKernelModules();
  return await imported(input, preset, async (source) => {
    const { manifest } = source;
    const plan = planMemory(manifest, { memoryBudgetBytes: null, ...options });
    const memory = createMemory(plan.wasmBytes);
    const { exports } = await instantiateKernels(modules, memory, options.kernelBuild);
    await loadShards(source, plan.shardAddresses, memory);
    const instances = archTensors(archByName(manifest.architecture), manifest.config);
    const weights = bindWeights(manifest, instances, plan.shardAddresses);
    return { decoder: new Decoder(manifest, plan, weights, exports, memory), manifest };
  });
}
