/**
 * Compiles the AssemblyScript kernels twice, with and without relaxed SIMD.
 * -O2 on purpose: -O3 and -Os sink loads into large expressions, V8 then spills registers and the
 * products lose up to two thirds of their speed.
 */
import process from 'node:process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import asc from 'assemblyscript/asc';
import { EngineError } from '../../engine/base/errors.ts';

const ROOT = join(import.meta.dirname, '../..');
const ENTRY = 'engine/kernels/wasm/assembly/index.ts';

export const KERNEL_BUILDS = {
  relaxed: ['--enable', 'simd', '--enable', 'relaxed-simd'],
  simd: ['--enable', 'simd'],
} as const;

/** Writes dist/kernels/{relaxed,simd}.wasm (and .wat beside them with `text`). */
export async function buildKernels(
  options: { onProgress?: (line: string) => void; text?: boolean } = {},
): Promise<void> {
  await mkdir(join(ROOT, 'dist/kernels'), { recursive: true });
  for (const [name, features] of Object.entries(KERNEL_BUILDS)) {
    options.onProgress?.(`compiling kernels (${name})`);
    const out = `dist/kernels/${name}.wasm`;
    const args = [ENTRY, '--baseDir', ROOT, '-o', out, '-O2', '--noAssert', '--runtime', 'stub'];
    const text = options.text === true ? ['-t', `dist/kernels/${name}.wat`] : [];
    const { error, stderr } = await asc.main(
      [...args, ...text, '--importMemory', '--initialMemory', '1', ...features],
      {},
    );
    if (error !== null) {
      throw new EngineError(
        'E_INTERNAL',
        `kernels: ${name} did not compile: ${(stderr as { toString(): string }).toString()}`,
        {
          cause: error,
        },
      );
    }
  }
}

if (import.meta.main)
  await buildKernels({ onProgress: console.log, text: process.argv.includes('--text') });
