/** Compiles WebAssembly from a file. Workers may not, so their types, which take precedence over Node's, lack it. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { KernelModules } from '../../engine/kernels/wasm/module.ts';
import { distDir } from '../lib/paths.ts';

interface WasmCompiler {
  compile(bytes: Uint8Array): Promise<WebAssembly.Module>;
}

export async function compileWasm(path: string): Promise<WebAssembly.Module> {
  return await (WebAssembly as unknown as WasmCompiler).compile(await readFile(path));
}

/** Null for a module with instructions that this Node does not have yet, such as relaxed SIMD in Node 20. */
export async function compileWasmOrNull(path: string): Promise<WebAssembly.Module | null> {
  return await compileWasm(path).catch((error: unknown) => {
    if (error instanceof Error && error.name === 'CompileError') return null;
    throw error;
  });
}

/** Both builds of the kernels, as they are in dist/. */
export async function compileKernels(): Promise<KernelModules> {
  const path = (name: string) => join(distDir, 'kernels', `${name}.wasm`);
  return {
    relaxed: await compileWasmOrNull(path('relaxed')),
    simd: await compileWasm(path('simd')),
  };
}
