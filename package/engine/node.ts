/** `thimble/engine` in Node: as in browsers, and models from folders. */
import { setImmediate } from 'node:timers/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readFile } from 'node:fs/promises';
import { compileKernels } from '../../scripts/node-host/compile-wasm.ts';
import { readWhole, unreadable } from '../../scripts/node-host/read-whole.ts';
import { modelsDir as userModelsDir } from '../../scripts/lib/paths.ts';
import { loadTextModel } from './load-text-model.ts';
import type { LoadOptions, ModelFiles, TextModel } from './types.ts';

export type * from './types.ts';
export { fromBucket, fromUrl } from './sources.ts';

/** Where `thimble import` puts models, each into a folder of its id. */
export function modelsDir(): string {
  return userModelsDir();
}

/** A folder of `thimble import`: `manifest.json`, shards and tokenizer. */
export function fromFolder(folder: string | URL): ModelFiles {
  const path = typeof folder === 'string' ? folder : fileURLToPath(folder.href);
  return {
    readText: (file) =>
      readFile(join(path, file?.file ?? 'manifest.json'), 'utf8').catch((cause: unknown) => {
        throw unreadable(join(path, file?.file ?? 'manifest.json'), 'cannot be read', cause);
      }),
    readInto: ({ file }, into) => readWhole(join(path, file), into),
  };
}

/**
 * Loads a text model: plans its memory, reads every shard and checks its SHA-256.
 * @throws an error with a `code`: E_WEIGHTS_FETCH, E_WEIGHTS_HASH, E_MEMORY_BUDGET and others (docs/errors.md)
 */
export async function loadModel(files: ModelFiles, options: LoadOptions = {}): Promise<TextModel> {
  const kernels = options.kernels ?? (await compileKernels());
  return await loadTextModel(files, kernels, options, () => setImmediate());
}
