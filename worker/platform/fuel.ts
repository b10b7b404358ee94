/**
 * Calls into third-party WebAssembly, each with a bound on its steps: scripts/build/fuel.ts has put a counter
 * into every loop, and below zero the module traps. What such a module throws becomes an error of ours.
 */
import type { EngineError } from '../../engine/base/errors.ts';

/** What the modules of dist/fuel export in addition to their own functions. */
export interface FueledExports {
  /** Loop iterations and function calls that are left; an i64. */
  readonly fuel: WebAssembly.Global;
}

export class Fuel {
  readonly #counter: WebAssembly.Global;
  readonly #broken: (what: string) => EngineError;

  /** @param broken makes the error for a module that trapped, which must not be used again */
  constructor({ fuel }: FueledExports, broken: (what: string) => EngineError) {
    this.#counter = fuel;
    this.#broken = broken;
  }

  /**
   * @param steps the most that `call` may take; a whole number
   * @throws {EngineError} what `broken` makes, when the steps run out or the module fails in another way
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

  /** Steps that the last run left over. */
  get left(): number {
    return Number(this.#counter.value as bigint);
  }
}

/** Traps, a full stack, an impossible array length; Emscripten's `abort` and `exit` throw strings. */
function isFailure(error: unknown): boolean {
  if (typeof error === 'string' || error instanceof RangeError) return true;
  return error instanceof Error && error.name === 'RuntimeError';
}
