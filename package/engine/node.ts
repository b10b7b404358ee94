/** `thimble/engine` in Node: as in browsers, and models from folders. */
import { setImmediate } from 'node:timers/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { open, readFile } from 'node:fs/promises';
import { EngineError } from '../../engine/base/errors.ts';
import { compileWasm, compileWasmOrNull } from '../../scripts/node-host/compile-wasm.ts';
import { distDir, modelsDir as userModelsDir } from '../../scripts/lib/paths.ts';
import { loadTextModel } from './load-text-model.ts';
import type { Kernels, LoadOptions, ModelFiles, TextModel } from './types.ts';

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
  const kernels = options.kernels ?? (await readKernels());
  return await loadTextModel(files, kernels, options, () => setImmediate());
}

async function readKernels(): Promise<Kernels> {
  const path = (build: string) => join(distDir, 'kernels', `${build}.wasm`);
  return {
    relaxed: await compileWasmOrNull(path('relaxed')),
    simd: await compileWasm(path('simd')),
  };
}

async function readWhole(path: string, into: Uint8Array): Promise<void> {
  const file = await open(path).catch((cause: unknown) => {
    throw unreadable(path, 'cannot be opened', cause);
  });
  try {
    for (let at = 0; at < into.byteLength;) {
      const { bytesRead } = await file.read(into, at, into.byteLength - at, at);
      if (bytesRead === 0)
        throw unreadable(path, `ends early; expected ${into.byteLength} bytes, got ${at}`);
      at += bytesRead;
    }
  } finally {
    await file.close();
  }
}

function unreadable(path: string, what: string, cause?: unknown): EngineError {
  return new EngineError('E_WEIGHTS_FETCH', `${path}: ${what}. Import the model again.`, { cause });
}
