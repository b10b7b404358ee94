/** One turn at a time, in the order they came; a bounded number may wait. */
import { EngineError } from '../../../engine/base/errors.ts';

export const MAX_WAITING_TURNS = 16;
const BUSY_RETRY_AFTER_S = 5;

export class TurnQueue {
  private tail: Promise<void> = Promise.resolve();
  private nTurn = 0;

  /**
   * Waits for the turns before; the caller must call what it gets exactly when its turn is over.
   * @throws {EngineError} E_BUSY when too many wait, E_ABORTED when the signal comes first.
   */
  async enter(signal: AbortSignal): Promise<() => void> {
    if (this.nTurn > MAX_WAITING_TURNS)
      throw new EngineError(
        'E_BUSY',
        `session: ${MAX_WAITING_TURNS} turns wait already. Send the next when one has ended.`,
        { details: { maxWaitingTurns: MAX_WAITING_TURNS, retryAfterS: BUSY_RETRY_AFTER_S } },
      );
    this.nTurn++;
    const before = this.tail;
    let open: () => void = () => undefined;
    this.tail = new Promise((resolve) => (open = resolve));
    let left = false;
    const leave = (): void => {
      if (left) return;
      left = true;
      this.nTurn--;
      // Those behind also wait for those before, when this one left the queue early.
      void before.then(open);
    };
    try {
      await Promise.race([before, rejectOnAbort(signal)]);
    } catch (error) {
      leave();
      throw error;
    }
    return leave;
  }
}

function rejectOnAbort(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const fail = (): void =>
      reject(new EngineError('E_ABORTED', 'session: the client went away while its turn waited.'));
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
}
