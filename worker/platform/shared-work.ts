/**
 * Work that requests of one isolate share: the first does it, those that arrive in the meantime get its result. The
 * platform ends what a request does when the request ends, and its promises are then never settled. So nobody
 * waits for another request longer than `MAX_SHARED_MS`, nor fails by it: it does the work itself.
 */

/** Reading a tokenizer and parsing it takes less. */
export const MAX_SHARED_MS = 2000;

export class SharedWork<T> {
  readonly #underway = new Map<string, Promise<T>>();

  /** @throws what `work` throws for this request */
  async run(key: string, work: () => Promise<T>): Promise<T> {
    const others = this.#underway.get(key);
    const shared = others === undefined ? null : await resultWithin(others, MAX_SHARED_MS);
    if (shared !== null) return shared.value;
    const own = work();
    this.#underway.set(key, own);
    try {
      return await own;
    } finally {
      if (this.#underway.get(key) === own) this.#underway.delete(key);
    }
  }
}

/** Null where there is none by then. */
async function resultWithin<T>(promise: Promise<T>, ms: number): Promise<{ value: T } | null> {
  const { promise: over, resolve } = Promise.withResolvers<null>();
  const timer = setTimeout(() => resolve(null), ms);
  const settled = promise.then(
    (value) => ({ value }),
    () => null,
  );
  try {
    return await Promise.race([settled, over]);
  } finally {
    clearTimeout(timer);
  }
}
