/** Pictures of one model go through it one after the other; subjects take turns, and the host has turns between parts. */
import { EngineError, throwIfAborted, unloaded } from '../base/errors.ts';
import { RunQueue } from '../base/run-queue.ts';
import type { OpenTurns, Steps } from '../base/turns.ts';

/** Seconds a client should wait before it tries again. */
const BUSY_RETRY_AFTER_S = 2;
const STOPPED = 'picture: stopped by the caller';

export class PictureTurns {
  readonly #modelId: string;
  readonly #openTurns: OpenTurns;
  readonly #queue: RunQueue;

  constructor(modelId: string, maxWaiting: number, openTurns: OpenTurns) {
    this.#modelId = modelId;
    this.#openTurns = openTurns;
    this.#queue = new RunQueue({
      maxWaiting,
      busy: (nQueued) =>
        new EngineError(
          'E_BUSY',
          `engine: ${modelId} has ${nQueued} pictures waiting; expected at most ${maxWaiting}. Try again when some of them have ended.`,
          { details: { nQueued, retryAfterS: BUSY_RETRY_AFTER_S } },
        ),
      aborted: STOPPED,
    });
  }

  close(): void {
    this.#queue.close(unloaded(this.#modelId));
  }

  /** @param begin called in its turn @throws {EngineError} E_ABORTED, E_BUSY when others wait, E_REQUEST_INVALID */
  async run<T>(
    { rgb, side }: { readonly rgb: Uint8Array; readonly side: number },
    begin: () => Steps<T> | Promise<Steps<T>>,
    signal: AbortSignal | undefined,
    subject: string,
  ): Promise<T> {
    if (rgb.length !== side * side * 3)
      throw new EngineError(
        'E_REQUEST_INVALID',
        `picture: expected ${side} x ${side} pixels of three bytes, got ${rgb.length} bytes. Resize it.`,
        { param: 'image', details: { side, bytes: rgb.length } },
      );
    const leave = await this.#queue.enter(signal, subject);
    const turns = this.#openTurns();
    try {
      const steps = await begin();
      let step = steps.next();
      for (; step.done !== true; step = steps.next()) {
        await turns.next();
        if (signal !== undefined) throwIfAborted(signal, STOPPED);
      }
      return step.value;
    } finally {
      turns.close();
      leave();
    }
  }
}
