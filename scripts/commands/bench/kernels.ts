/** `thimble bench kernels`. */
import type { Command } from 'commander';
import type { KernelBuild } from '../../../engine/kernels/wasm/module.ts';
import type { KernelRow } from '../../bench/workloads/kernels.ts';
import { build } from '../../build/build.ts';
import { addJson, benchCommand, note, printResult } from './common.ts';

export interface KernelFlags {
  readonly json?: boolean;
}

export function registerKernels(parent: Command): void {
  const command = benchCommand(parent, 'kernels', 'measure every kernel alone, in both builds', [
    'kernels',
    'kernels --json > kernels.json',
  ]);
  addJson(command).action(runKernels);
}

export async function runKernels({ json }: KernelFlags): Promise<void> {
  await build({ only: 'kernels' });
  const { benchKernels } = await import('../../bench/workloads/kernels.ts');
  const { openReadLoop } = await import('../../bench/peers/read-loop.ts');
  const kernels = await benchKernels(note);
  const wasmReadGigabytesPerSecond = (await openReadLoop())();
  printResult({ wasmReadGigabytesPerSecond, kernels }, kernelTable(kernels), json);
}

function kernelTable(rows: readonly KernelRow[]): string {
  const lines = rows.map(({ kernel, size, microseconds, gigabytesPerSecond: rate }) => {
    const show = (build: KernelBuild) =>
      `${microseconds[build].toFixed(1)} us${rate === null ? '' : `, ${rate[build].toFixed(1)} GB/s`}`;
    return `| ${kernel} | ${size} | ${show('relaxed')} | ${show('simd')} |\n`;
  });
  return `| kernel | size | relaxed | plain SIMD128 |\n| --- | --- | --- | --- |\n${lines.join('')}`;
}
