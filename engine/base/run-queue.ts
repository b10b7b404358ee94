/**
 * One run at a time; a bounded number may wait, and each may leave. Subjects take turns, and within one the first
 * to come is the first to go.
 */
import { EngineError } from './errors.ts';

export interface RunQueueLimits {
  /** How many may wait beside the one that runs. */
  readonly maxWaiting: number;
  /** The error of whoever comes when as many wait: E_BUSY with `retryAfterS` in its details. */
  readonly busy: (nWaiting: number) => EngineError;
  /** Message of E_ABORTED, for whoever leaves while waiting or comes aborted. */
  readonly aborted: string;
}

interface Waiter {
  readonly subject: string;
  readonly enter: () => void;
  readonly refuse: (error: EngineError) => void;
}

export class RunQueue {
  readonly #limits: RunQueueLimits;
  /** By subject, those that wait; the subject whose turn is next stands first. */
  readonly #waiting = new Map<string, Waiter[]>();
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
   * Waits for its turn. Whoever gets in must call the returned function when its run is over; further calls do
   * nothing. Where too many wait, a newcomer of a subject with fewer waiting takes the place of the last of the
   * subject with most.
   * @param subject with whom it takes turns; the same for all by default
   * @throws {EngineError} E_BUSY when too many wait, E_ABORTED when the signal comes first, the error
   *   that the queue was closed with.
   */
  async enter(signal?: AbortSignal, subject = ''): Promise<() => void> {
    const { maxWaiting, busy, aborted } = this.#limits;
    if (this.#closed !== null) throw this.#closed;
    if (this.#nRunning + this.#nWaiting > maxWaiting && !this.#dropFor(subject))
      throw busy(this.#nWaiting);
    if (signal?.aborted === true) throw new EngineError('E_ABORTED', aborted);
    if (this.#nRunning > 0) await this.#wait(signal, subject);
    else this.#nRunning++;
    return this.#leaver();
  }

  /** The place of whoever leaves is taken at once, so that nobody comes between. */
  #leaver(): () => void {
    let left = false;
    return () => {
      if (left) return;
      left = true;
      const next = this.#take();
      if (next === null) this.#nRunning--;
      else next.enter();
    };
  }

  async #wait(signal: AbortSignal | undefined, subject: string): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const waiter: Waiter = { subject, enter: resolve, refuse: reject };
    const own = this.#waiting.get(subject);
    if (own === undefined) this.#waiting.set(subject, [waiter]);
    else own.push(waiter);
    this.#nWaiting++;
    const leave = (): void => {
      if (this.#remove(waiter)) reject(new EngineError('E_ABORTED', this.#limits.aborted));
    };
    signal?.addEventListener('abort', leave, { once: true });
    try {
      await promise;
    } finally {
      signal?.removeEventListener('abort', leave);
    }
  }

  /** The next to run; its subject goes to the end of the round. */
  #take(): Waiter | null {
    const [first] = this.#waiting;
    if (first === undefined) return null;
    const [subject, own] = first;
    const waiter = own.shift()!;
    this.#waiting.delete(subject);
    if (own.length > 0) this.#waiting.set(subject, own);
    this.#nWaiting--;
    return waiter;
  }

  #remove(waiter: Waiter): boolean {
    const own = this.#waiting.get(waiter.subject);
    const at = own?.indexOf(waiter) ?? -1;
    if (own === undefined || at < 0) return false;
    own.splice(at, 1);
    if (own.length === 0) this.#waiting.delete(waiter.subject);
    this.#nWaiting--;
    return true;
  }

  /** Makes room for a newcomer; false when its subject has as many waiting as any other. */
  #dropFor(subject: string): boolean {
    let largest: Waiter[] = [];
    for (const own of this.#waiting.values()) if (own.length > largest.length) largest = own;
    const nOwn = this.#waiting.get(subject)?.length ?? 0;
    if (largest.length <= nOwn + 1) return false;
    const last = largest.at(-1);
    const nWaiting = this.#nWaiting;
    this.#remove(last);
    last.refuse(this.#limits.busy(nWaiting));
    return true;
  }
}
