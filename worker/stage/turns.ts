/**
 * Turns of workerd's event loop between steps: other requests run, and cancellations are noticed.
 * A message to oneself comes back at once, where a timer of 0 ms takes 1 ms. One channel per run of the
 * step loop: one per step would leave ports until a full garbage collection, about 2 kB a token.
 */
import type { Turns } from '../../engine/base/turns.ts';

/** Steps after which the event loop gets a whole millisecond, whatever messages do. */
const STEPS_BETWEEN_WAITS = 16;
/**
 * Time after which it gets one, too: between steps of tens of streams, or layers of an encoder, sixteen of them
 * would keep a request from being read for seconds. One millisecond in forty; a request takes some two waits.
 */
const MS_BETWEEN_WAITS = 40;

export function openTurns(): Turns {
  const { port1, port2 } = new MessageChannel();
  let wake = (): void => undefined;
  let nStep = 0;
  let waitedAt = -Infinity;
  port1.onmessage = () => wake();
  return {
    async next() {
      // Where the clock stands still while code runs, steps alone are counted.
      if (nStep++ % STEPS_BETWEEN_WAITS === 0 || Date.now() - waitedAt >= MS_BETWEEN_WAITS) {
        await scheduler.wait(0);
        waitedAt = Date.now();
        return;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
        port2.postMessage(null);
      });
    },
    close: () => port1.close(),
  };
}
