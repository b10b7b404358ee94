/** A scratch memory with a bump allocator for kernel tests. */
import {
  createMemory,
  KERNEL_STATIC_BYTES,
  instantiateKernels,
} from '../../engine/kernels/wasm/module.ts';
import type { KernelBuild, KernelExports } from '../../engine/kernels/wasm/module.ts';
import { loadKernelModules } from '../../scripts/node-host/kernels.ts';

export class Scratch {
  readonly memory: WebAssembly.Memory;
  readonly kernels: KernelExports;
  #next = KERNEL_STATIC_BYTES;

  private constructor(memory: WebAssembly.Memory, kernels: KernelExports) {
    this.memory = memory;
    this.kernels = kernels;
  }

  static async create(build: KernelBuild, bytes: number): Promise<Scratch> {
    const memory = createMemory(bytes + KERNEL_STATIC_BYTES);
    const { exports } = await instantiateKernels(await loadKernelModules(), memory, build);
    return new Scratch(memory, exports);
  }

  reset(): void {
    new Uint8Array(this.memory.buffer, KERNEL_STATIC_BYTES).fill(0);
    this.#next = KERNEL_STATIC_BYTES;
  }

  reserve(bytes: number): number {
    const at = this.#next;
    this.#next += Math.ceil(bytes / 64) * 64;
    if (this.#next > this.memory.buffer.byteLength) throw new Error('scratch memory is too small');
    return at;
  }

  put(bytes: Uint8Array): number {
    const at = this.reserve(bytes.byteLength);
    new Uint8Array(this.memory.buffer, at, bytes.byteLength).set(bytes);
    return at;
  }

  putF32(values: ArrayLike<number>, paddedLength = values.length): number {
    const at = this.reserve(paddedLength * 4);
    this.f32(at, values.length).set(values);
    return at;
  }

  f32(at: number, length: number): Float32Array {
    return new Float32Array(this.memory.buffer, at, length);
  }
}
