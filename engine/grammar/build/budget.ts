/**
 * What one compilation may cost. Everything that loops over what a caller wrote spends from here,
 * so that no pattern and no schema can hang or fill an isolate.
 */
import { EngineError } from '../../base/errors.ts';

/** Elementary steps of a compilation (an edge looked at, a state made): some 250 ms. */
export const MAX_COMPILE_STEPS = 1_000_000;
/** Numbers and characters in the compiled grammar; each is about 4 bytes as JSON. */
export const MAX_GRAMMAR_SIZE = 400_000;
/** Deepest nesting of schemas, groups and parentheses. */
export const MAX_NESTING = 64;

/** Where in the request the compiled thing stands, for `error.param` and messages. */
export interface Source {
  /** Request field, e.g. `response_format.json_schema.schema`. */
  readonly param: string;
}

export class Budget {
  readonly param: string;
  #steps: number;
  #size: number;

  constructor(param: string, steps = MAX_COMPILE_STEPS, size = MAX_GRAMMAR_SIZE) {
    this.param = param;
    this.#steps = steps;
    this.#size = size;
  }

  /** @throws {EngineError} E_REQUEST_INVALID once the compilation took too many steps */
  spend(steps: number): void {
    this.#steps -= steps;
    if (this.#steps < 0)
      throw refuse(
        this.param,
        `compiling it takes more than ${MAX_COMPILE_STEPS} steps`,
        'Use fewer alternatives, smaller repeat counts or simpler patterns.',
      );
  }

  /** @throws {EngineError} E_REQUEST_INVALID once the grammar is too large */
  grow(size: number): void {
    this.#size -= size;
    if (this.#size < 0)
      throw refuse(
        this.param,
        `it compiles to a grammar of more than ${MAX_GRAMMAR_SIZE} numbers`,
        'Split it, or use fewer properties, alternatives and values.',
      );
  }

  /**
   * Runs `work` with at most `steps` of what is left; null when that was not enough.
   * Steps spent stay spent.
   */
  attempt<T>(steps: number, work: (budget: Budget) => T): T | null {
    const part = new Budget(this.param, Math.min(steps, this.#steps), this.#size);
    const before = part.#steps;
    try {
      return work(part);
    } catch (error) {
      if (error instanceof EngineError && part.#steps < 0) return null;
      throw error;
    } finally {
      this.spend(before - Math.max(part.#steps, 0));
    }
  }
}

/** The one shape of refusal: which field, what is wrong, what to do. */
export function refuse(param: string, what: string, fix: string): EngineError {
  return new EngineError('E_REQUEST_INVALID', `${param}: ${what}. ${fix}`, { param });
}
