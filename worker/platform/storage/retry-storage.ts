/** R2 operations, retried with growing pauses. The caller chooses the code of a failure. */
import { EngineError } from '../../../engine/base/errors.ts';

export const STORAGE_ATTEMPTS = 4;
/** Pause before the second attempt; doubled before each further one. */
const FIRST_DELAY_MS = 50;

/** What is reported when every attempt has failed. */
interface StorageFailure {
  readonly code: 'E_BACKEND_UNAVAILABLE' | 'E_WEIGHTS_FETCH';
  /** How long a client should wait before it asks again; by default what the status suggests. */
  readonly retryAfterS?: number;
}

/**
 * Coded errors of `run` are final, except those with the failure's own code. The storage's message stays
 * in this script (failure.ts).
 * @throws {EngineError} the failure's code when every attempt has failed.
 */
export async function retryStorage<T>(
  what: string,
  run: () => Promise<T>,
  failure: StorageFailure = { code: 'E_BACKEND_UNAVAILABLE' },
): Promise<T> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (error instanceof EngineError && error.code !== failure.code) throw error;
      if (attempt === STORAGE_ATTEMPTS) throw storageError(what, failure, error);
      const delayMs = FIRST_DELAY_MS * 2 ** (attempt - 1);
      await new Promise((resolve) => setTimeout(resolve, delayMs));
    }
  }
}

function storageError(
  what: string,
  { code, retryAfterS }: StorageFailure,
  cause: unknown,
): EngineError {
  if (cause instanceof EngineError) return cause;
  const reason = cause instanceof Error ? cause.message : 'an unknown failure';
  const wait = retryAfterS === undefined ? {} : { retryAfterS };
  return new EngineError(
    code,
    `storage: ${what}: ${STORAGE_ATTEMPTS} attempts failed, the last with: ${reason}. Try again.`,
    { details: { what, attempts: STORAGE_ATTEMPTS, ...wait }, cause },
  );
}
