/** Retries with growing pauses, for storage that fails now and then. */

export interface RetryOptions {
  readonly attempts: number;
  /** Pause before the second attempt; doubled before each further one. */
  readonly firstDelayMs: number;
  /** Whether an error cannot be fixed by a retry. */
  readonly isFinal?: (error: unknown) => boolean;
}

/** @throws the last attempt's error. */
export async function retry<T>(run: () => Promise<T>, options: RetryOptions): Promise<T> {
  let delayMs = options.firstDelayMs;
  for (let attempt = 1; ; attempt++) {
    try {
      return await run();
    } catch (error) {
      if (attempt >= options.attempts || options.isFinal?.(error) === true) throw error;
      await new Promise((resolve) => setTimeout(resolve, delayMs));
      delayMs *= 2;
    }
  }
}
