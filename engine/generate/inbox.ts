/**
 * Events between the step loop, which never waits for a reader, and one reader. Unread events
 * are counted, so that the loop can pause a generation that nobody reads.
 */
export class Inbox<Event> {
  readonly #events: Event[] = [];
  #failure: { readonly error: unknown } | null = null;
  /** Wakes the reader that waits. */
  #arrive: (() => void) | null = null;

  get nUnread(): number {
    return this.#events.length;
  }

  push(event: Event): void {
    this.#events.push(event);
    this.#wake();
  }

  /** Ends it: unread events are dropped, and reading throws `error`. */
  fail(error: unknown): void {
    this.#failure ??= { error };
    this.#events.length = 0;
    this.#wake();
  }

  /** The next event, waiting for it if need be. One reader at a time. */
  async read(): Promise<Event> {
    for (;;) {
      if (this.#failure !== null) throw this.#failure.error;
      const event = this.#events.shift();
      if (event !== undefined) return event;
      await new Promise<void>((resolve) => (this.#arrive = resolve));
    }
  }

  #wake(): void {
    this.#arrive?.();
    this.#arrive = null;
  }
}
