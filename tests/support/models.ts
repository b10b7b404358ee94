/** Where tests find real model files, and engines over them. */
import { mkdir, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inject } from 'vitest';
import { archByName, archTensors } from '../../engine/archs/index.ts';
import { requireKind } from '../../engine/manifest/manifest.ts';
import type { DecoderManifest, ManifestOf, ModelKind } from '../../engine/manifest/manifest.ts';
import { Engine } from '../../engine/generate/engine.ts';
import type { EngineOptions } from '../../engine/generate/engine.ts';
import { createMemory, instantiateKernels } from '../../engine/kernels/wasm/module.ts';
import { Decoder } from '../../engine/model/decoder/decoder.ts';
import { bindWeights, loadShards } from '../../engine/model/memory/loader.ts';
import { planMemory } from '../../engine/model/decoder/plan.ts';
import type { ModelSource } from '../../engine/model/memory/source.ts';
import { loadKernelModules } from '../../scripts/node-host/kernels.ts';
import { FileModelSource } from '../../scripts/node-host/model-files.ts';
import { readImported } from '../../scripts/push/push.ts';
import { requireModelFile } from './needs.ts';
import { importByIdOnce, importOnce, STORIES_FILE } from './run/imports.ts';

export { STORIES_FILE };

/** Path of the SmolLM2-135M-Instruct GGUF that `npm start` pulls. */
export function smollm2Gguf(): string {
  return requireModelFile('smollm2-135m-instruct');
}

/** A folder that is gone when the returned value is disposed. */
export async function temporaryFolder(): Promise<{ path: string } & AsyncDisposable> {
  const path = await mkdtemp(join(tmpdir(), 'thimble-test-'));
  return {
    path,
    [Symbol.asyncDispose]: () => rm(path, { recursive: true, force: true }),
  };
}

/** A model of the catalogue, stories260K or the tiny encoder, imported once a run: it must not be changed. */
export async function importedModel<K extends ModelKind>(
  id: string,
  kind: K,
): Promise<{ folder: string; manifest: ManifestOf<K> }> {
  const folder = join(await importByIdOnce(inject('runFolder'), id), id);
  return { folder, manifest: requireKind((await readImported(folder, id)).manifest, kind) };
}

/** Puts such models into `modelsRoot`, a folder of imported models. */
export async function linkModels(modelsRoot: string, ids: readonly string[]): Promise<void> {
  await mkdir(modelsRoot, { recursive: true });
  for (const id of ids)
    await symlink(join(await importByIdOnce(inject('runFolder'), id), id), join(modelsRoot, id));
}

/** The imported files of `input` with `preset`; they must not be changed. */
export async function importedFrom<K extends ModelKind>(
  input: string,
  preset: string,
  kind: K,
): Promise<{ folder: string; manifest: ManifestOf<K> }> {
  const id = 'test';
  const folder = join(await importOnce(inject('runFolder'), { input, id, preset }), id);
  return { folder, manifest: requireKind((await readImported(folder, id)).manifest, kind) };
}

export async function sourceFrom(
  input: string,
  preset: string,
): Promise<ModelSource<DecoderManifest>> {
  const { folder, manifest } = await importedFrom(input, preset, 'decoder');
  return new FileModelSource(folder, manifest);
}

/** Imports `input` with `preset` and loads it, without a memory limit unless one is given. */
export async function engineFrom(
  input: string,
  preset: string,
  options: EngineOptions = {},
): Promise<Engine> {
  const source = await sourceFrom(input, preset);
  const modules = await loadKernelModules();
  return await Engine.load(source, modules, { memoryBudgetBytes: null, ...options });
}

/** The bare forward pass of what `engineFrom` loads. */
export async function decoderFrom(
  input: string,
  preset: string,
  options: EngineOptions = {},
): Promise<{ decoder: Decoder; manifest: DecoderManifest }> {
  const source = await sourceFrom(input, preset);
  const { manifest } = source;
  const plan = planMemory(manifest, { memoryBudgetBytes: null, ...options });
  const memory = createMemory(plan.wasmBytes);
  const modules = await loadKernelModules();
  const { exports } = await instantiateKernels(modules, memory, options.kernelBuild);
  await loadShards(source, plan.shardAddresses, memory);
  const instances = archTensors(archByName(manifest.architecture), manifest.config);
  const weights = bindWeights(manifest, instances, plan.shardAddresses);
  return { decoder: new Decoder(manifest, plan, weights, exports, memory), manifest };
}
