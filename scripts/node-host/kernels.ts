/** The compiled kernels in this Node process. */
import { join } from 'node:path';
import type { KernelModules } from '../../engine/kernels/wasm/module.ts';
import { build } from '../build/build.ts';
import { distDir } from '../lib/paths.ts';
import { compileWasm, compileWasmOrNull } from './compile-wasm.ts';

/** Both builds from dist/, built first when they are missing or out of date. */
export async function loadKernelModules(): Promise<KernelModules> {
  await build({ only: 'kernels' });
  const path = (name: string) => join(distDir, 'kernels', `${name}.wasm`);
  return {
    relaxed: await compileWasmOrNull(path('relaxed')),
    simd: await compileWasm(path('simd')),
  };
}
