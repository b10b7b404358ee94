/**
 * Calls into WebAssembly of others, each with a bound on its steps: scripts/build/fuel.ts has put a counter
 * into every loop, and below zero the module traps. Also makes errors of ours of what such a module throws.
 */
import type { EngineError } from '../../engine/base/errors.ts';

/** What the modules of dist/fuel export beside their own. */
export interface FueledExports {
  /** Turns of loops and calls of functions that are left; an i64. */
  readonly fuel: WebAssembly.Global;
}

export class Fuel {
  readonly #counter: WebAssembly.Global;
  readonly #broken: (what: string) => EngineError;

  /** @param broken makes the error of a module that trapped; it is not to be used again then */
  constructor({ fuel }: FueledExports, broken: (what: string) => EngineError) {
    this.#counter = fuel;
    this.#broken = broken;
  }

  /**
   * @param steps all that `call` may take, in whole numbers
   * @throws {EngineError} what `broken` makes when they do not suffice, or the module fails otherwise
   */
  run<T>(steps: number, call: () => T): T {
    this.#counter.value = BigInt(steps);
    try {
      return call();
    } catch (error) {
      if (this.left < 0) throw this.#broken(`more than ${steps} steps`);
      if (isFailure(error)) throw this.#broken(`the decoder failed (${String(error)})`);
      throw error;
    }
  }

  /** Steps that the last run did not take. */
  get left(): number {
    return Number(this.#counter.value as bigint);
  }
}

/** Traps; a stack that is full, an array that cannot be; Emscripten's `abort` and `exit` throw texts. */
function isFailure(error: unknown): boolean {
  if (typeof error === 'string' || error instanceof RangeError) return true;
  return error instanceof Error && error.name === 'RuntimeError';
}
