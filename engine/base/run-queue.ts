/** One run at a time, first come first served; a bounded number may wait, and each may leave. */
import { EngineError } from './errors.ts';

export interface RunQueueLimits {
  /** How many may wait beside the one that runs. */
  readonly maxWaiting: number;
  /** The error of whoever comes when as many wait: E_BUSY with `retryAfterS` in its details. */
  readonly busy: (nWaiting: number) => EngineError;
  /** Message of E_ABORTED, for whoever leaves while waiting or comes aborted. */
  readonly aborted: string;
}

export class RunQueue {
  readonly #limits: RunQueueLimits;
  /** Ends when whoever came last is done. */
  #tail: Promise<void> = Promise.resolve();
  #nRunning = 0;
  #nWaiting = 0;
  #closed: EngineError | null = null;

  constructor(limits: RunQueueLimits) {
    this.#limits = limits;
  }

  get nRunning(): number {
    return this.#nRunning;
  }

  get nWaiting(): number {
    return this.#nWaiting;
  }

  /** Refuses newcomers with `error`; those who wait or run go on. */
  close(error: EngineError): void {
    this.#closed ??= error;
  }

  /**
   * Waits for all who came before. Whoever gets in must call the returned function when its run is
   * over; further calls do nothing.
   * @throws {EngineError} E_BUSY when too many wait, E_ABORTED when the signal comes first, the error
   *   that the queue was closed with.
   */
  async enter(signal?: AbortSignal): Promise<() => void> {
    const { maxWaiting, busy, aborted } = this.#limits;
    if (this.#closed !== null) throw this.#closed;
    if (this.#nRunning + this.#nWaiting > maxWaiting) throw busy(this.#nWaiting);
    const before = this.#tail;
    const { promise, resolve: open } = Promise.withResolvers<void>();
    this.#tail = promise;
    this.#nWaiting++;
    try {
      await untilAborted(before, signal, aborted);
    } catch (error) {
      // Those after it also wait for those before, when this one left the queue early.
      void before.then(open);
      throw error;
    } finally {
      this.#nWaiting--;
    }
    this.#nRunning++;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#nRunning--;
      open();
    };
  }
}

/** @throws {EngineError} E_ABORTED when the signal comes before the promise, or came before. */
async function untilAborted(
  before: Promise<void>,
  signal: AbortSignal | undefined,
  message: string,
): Promise<void> {
  if (signal === undefined) return await before;
  const { promise, reject } = Promise.withResolvers<never>();
  const leave = (): void => reject(new EngineError('E_ABORTED', message));
  if (signal.aborted) leave();
  signal.addEventListener('abort', leave, { once: true });
  try {
    await Promise.race([promise, before]);
  } finally {
    signal.removeEventListener('abort', leave);
  }
}
