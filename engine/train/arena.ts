/**
 * Addresses in the memory that all threads of a training share. Every thread makes the same plan from the same
 * configuration, so that addresses need not be sent.
 */
import { EngineError } from '../base/errors.ts';
import { KERNEL_STATIC_BYTES } from '../kernels/wasm/module.ts';

/** A cache line: no two threads write one. */
const ALIGN_BYTES = 64;
/** WebAssembly's largest 32-bit memory, less a page so that ends of buffers are addresses, too. */
export const MAX_ARENA_BYTES = 65_535 * 65_536;

export class Arena {
  #nByte = KERNEL_STATIC_BYTES;

  get nByte(): number {
    return this.#nByte;
  }

  /** @throws {EngineError} E_USAGE above what 32 bits address */
  bytes(nByte: number): number {
    const address = this.#nByte;
    this.#nByte += Math.ceil(nByte / ALIGN_BYTES) * ALIGN_BYTES;
    if (this.#nByte > MAX_ARENA_BYTES)
      throw new EngineError(
        'E_USAGE',
        `training: needs more than ${MAX_ARENA_BYTES} bytes. Take fewer rows a step, shorter rows or a smaller model.`,
        { details: { nByte: this.#nByte } },
      );
    return address;
  }

  /** Room for values of 4 bytes. */
  values(n: number): number {
    return this.bytes(n * 4);
  }
}
