/**
 * Compiles the AssemblyScript kernels twice, with and without relaxed SIMD, and those of training for threads that share
 * a memory.
 * -O2 on purpose: -O3 and -Os sink loads into large expressions, V8 then spills registers and the
 * products lose up to two thirds of their speed.
 */
import process from 'node:process';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import asc from 'assemblyscript/asc';
import { EngineError } from '../../engine/base/errors.ts';

const ROOT = join(import.meta.dirname, '../..');
const SOURCE_DIR = 'engine/kernels/wasm/assembly';

const RELAXED = ['--enable', 'simd', '--enable', 'relaxed-simd'];
/** All of what 32 bits address; a memory's own maximum may be lower. */
const SHARED = ['--enable', 'threads', '--sharedMemory', '--maximumMemory', '65536'];

interface KernelBuild {
  readonly entry: string;
  readonly flags: readonly string[];
}
export const KERNEL_BUILDS: Readonly<Record<string, KernelBuild>> = {
  relaxed: { entry: 'index.ts', flags: RELAXED },
  simd: { entry: 'index.ts', flags: ['--enable', 'simd'] },
  training: { entry: 'training/index.ts', flags: [...RELAXED, ...SHARED] },
  'training-simd': { entry: 'training/index.ts', flags: ['--enable', 'simd', ...SHARED] },
};

/** Writes dist/kernels/NAME.wasm of every build (and .wat beside them with `text`). */
export async function buildKernels(
  options: { onProgress?: (line: string) => void; text?: boolean } = {},
): Promise<void> {
  await mkdir(join(ROOT, 'dist/kernels'), { recursive: true });
  for (const [name, { entry, flags }] of Object.entries(KERNEL_BUILDS)) {
    options.onProgress?.(`compiling kernels (${name})`);
    const out = `dist/kernels/${name}.wasm`;
    const args = [
      `${SOURCE_DIR}/${entry}`,
      '--baseDir',
      ROOT,
      '-o',
      out,
      '-O2',
      '--noAssert',
      '--runtime',
      'stub',
    ];
    const text = options.text === true ? ['-t', `dist/kernels/${name}.wat`] : [];
    const { error, stderr } = await asc.main(
      [...args, ...text, '--importMemory', '--initialMemory', '1', ...flags],
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
