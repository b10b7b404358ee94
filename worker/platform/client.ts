/** Who waits for an answer, and may leave before it is made. */
import { throwIfAborted } from '../../engine/base/errors.ts';

/** What is known of an answer before it is made. */
export interface Begun {
  readonly headers?: Readonly<Record<string, string>>;
}

export interface Client {
  /** Fires when the client has left; where an answer is not streamed, only after `accept`. */
  readonly signal: AbortSignal;
  /**
   * Says that nothing is refused any more. If the answer takes longer it is begun, so that a client that leaves is
   * noticed; what fails from then on breaks it off.
   */
  readonly accept?: (begun?: Begun) => void;
}

/** @throws {EngineError} E_ABORTED when the client of this signal has left */
export function throwIfLeft(signal: AbortSignal): void {
  throwIfAborted(signal, 'request: the client has left.');
}
