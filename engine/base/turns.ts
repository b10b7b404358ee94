/** Turns of the host's event loop between steps, in which requests are read and answered. */

/** The turns of one run of the step loop; what a host needs for them lives no longer than that. */
export interface Turns {
  next(): Promise<void>;
  close(): void;
}

export type OpenTurns = () => Turns;

/** Turns that need no preparation. */
export function plainTurns(next: () => Promise<void>): OpenTurns {
  return () => ({ next, close: () => undefined });
}
