/** How fast this core reads memory in a plain WebAssembly loop: what decoding can at best reach. */
import { createMemory, instantiateKernels } from '../../engine/kernels/wasm/module.ts';
import { loadKernelModules } from '../lib/local-engine.ts';
import { spread } from './run.ts';
import type { Spread } from './run.ts';

const READ_BYTES = 96 * 1024 * 1024;
const ROUNDS = 9;

/** Gigabytes a second over a range larger than the second-level cache (the argmax kernel). */
export async function measureReadLoop(): Promise<Spread> {
  const memory = createMemory(READ_BYTES + (1 << 20));
  const { exports } = await instantiateKernels(await loadKernelModules(), memory);
  new Uint8Array(memory.buffer, 1 << 20).fill(1);
  const rates = Array.from({ length: ROUNDS }, () => {
    const startedAt = performance.now();
    exports.argmax(1 << 20, READ_BYTES / 4 - (1 << 18));
    return (READ_BYTES - (1 << 20)) / (performance.now() - startedAt) / 1e6;
  });
  return spread(rates.slice(2));
}
