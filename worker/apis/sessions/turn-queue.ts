/** Runs a session's turns one at a time, in order of arrival; a bounded number may wait. */
import { EngineError } from '../../../engine/base/errors.ts';
import { RunQueue } from '../../../engine/base/run-queue.ts';

export const MAX_WAITING_TURNS = 16;
const BUSY_RETRY_AFTER_S = 5;

export class TurnQueue extends RunQueue {
  constructor() {
    super({
      maxWaiting: MAX_WAITING_TURNS,
      busy: tooManyTurns,
      aborted: 'session: the client has left while its turn waited.',
    });
  }
}

function tooManyTurns(): EngineError {
  return new EngineError(
    'E_BUSY',
    `session: ${MAX_WAITING_TURNS} turns are waiting already. Send the next when one has ended.`,
    { details: { maxWaitingTurns: MAX_WAITING_TURNS, retryAfterS: BUSY_RETRY_AFTER_S } },
  );
}
