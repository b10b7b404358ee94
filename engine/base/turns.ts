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

/** Gives the event loop one turn. */
export type TakeTurn = () => Promise<void>;

/** Long work that yields between parts of it, and ends with its result. */
export type Steps<T> = Generator<void, T, void>;

export function atOnce<T>(steps: Steps<T>): T {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
  }
}

/** As `atOnce`, with a turn of the event loop between parts. */
export async function inTurns<T>(steps: Steps<T>, takeTurn: TakeTurn): Promise<T> {
  for (;;) {
    const step = steps.next();
    if (step.done === true) return step.value;
    await takeTurn();
  }
}
