/** The compiled kernels in this Node process. */
import type { KernelModules } from '../../engine/kernels/wasm/module.ts';
import { build } from '../build/build.ts';
import { compileKernels } from './compile-wasm.ts';

/** Both builds from dist/, built first when they are missing or out of date. */
export async function loadKernelModules(): Promise<KernelModules> {
  await build({ only: 'kernels' });
  return await compileKernels();
}
