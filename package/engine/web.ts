/** `thimble/engine` in browsers and Workers: the kernels are files beside this module. */
import { loadTextModel } from './load-text-model.ts';
import type { Kernels, LoadOptions, ModelFiles, TextModel } from './types.ts';

export type * from './types.ts';
export { fromBucket, fromUrl } from './sources.ts';

/** Where a compiler of WebAssembly is: Workers, whose types take precedence here, have none. */
interface WasmCompiler {
  compile(bytes: ArrayBuffer): Promise<WebAssembly.Module>;
}

/**
 * Loads a text model: plans its memory, reads every shard and checks its SHA-256.
 * @throws an error with a `code`: E_WEIGHTS_FETCH, E_WEIGHTS_HASH, E_MEMORY_BUDGET and others (docs/errors.md)
 */
export async function loadModel(files: ModelFiles, options: LoadOptions = {}): Promise<TextModel> {
  return await loadTextModel(files, options.kernels ?? (await fetchKernels()), options);
}

async function fetchKernels(): Promise<Kernels> {
  // Written out: bundlers look for this form.
  const [relaxed, simd] = await Promise.all([
    compile(new URL('../kernels/relaxed.wasm', import.meta.url)).catch((error: unknown) => {
      if (error instanceof Error && error.name === 'CompileError') return null;
      throw error;
    }),
    compile(new URL('../kernels/simd.wasm', import.meta.url)),
  ]);
  return { relaxed, simd };
}

async function compile(url: URL): Promise<WebAssembly.Module> {
  const response = await fetch(url);
  if (!response.ok)
    throw new Error(`engine: ${url.href}: expected status 200, got ${response.status}`);
  return await (WebAssembly as unknown as WasmCompiler).compile(await response.arrayBuffer());
}
