/** Where tests find real model files, and engines over them. */
import { mkdtemp, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Engine } from '../../engine/generate/engine.ts';
import type { EngineOptions } from '../../engine/generate/engine.ts';
import { importModel } from '../../scripts/import/import-model.ts';
import { FileModelSource, loadKernelModules } from '../../scripts/lib/local-engine.ts';
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

/** Imports `input` with `preset` and loads it, without a memory limit unless one is given. */
export async function engineFrom(
  input: string,
  preset: string,
  options: EngineOptions = {},
): Promise<Engine> {
  await using folder = await temporaryFolder();
  const { folder: model, manifest } = await importModel({
    input,
    id: 'test',
    preset,
    outRoot: folder.path,
  });
  const source = new FileModelSource(model, manifest);
  // Awaited here: the folder goes when this function returns.
  return await Engine.load(source, await loadKernelModules(), {
    memoryBudgetBytes: null,
    ...options,
  });
}
