/** A promise one can look at without waiting for it. */

export interface Watched {
  done: boolean;
  error: unknown;
}

/** Whether `promise` has settled, and with which error. */
export function watch(promise: Promise<void>): Watched {
  const state: Watched = { done: false, error: null };
  promise.then(
    () => (state.done = true),
    (error: unknown) => Object.assign(state, { done: true, error }),
  );
  return state;
}
