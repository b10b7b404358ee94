/** R2 operations, retried with growing pauses. The caller chooses the code of a failure. */
import { EngineError } from '../../../engine/base/errors.ts';
import { retry } from '../retry.ts';

export const STORAGE_ATTEMPTS = 4;
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
  { code, retryAfterS }: StorageFailure = { code: 'E_BACKEND_UNAVAILABLE' },
): Promise<T> {
  try {
    return await retry(run, {
      attempts: STORAGE_ATTEMPTS,
      firstDelayMs: FIRST_DELAY_MS,
      isFinal: (error) => error instanceof EngineError && error.code !== code,
    });
  } catch (cause) {
    if (cause instanceof EngineError) throw cause;
    const reason = cause instanceof Error ? cause.message : String(cause);
    const wait = retryAfterS === undefined ? {} : { retryAfterS };
    throw new EngineError(
      code,
      `storage: ${what}: ${STORAGE_ATTEMPTS} attempts failed, the last with: ${reason}. Try again.`,
      { details: { what, attempts: STORAGE_ATTEMPTS, ...wait }, cause },
    );
  }
}
