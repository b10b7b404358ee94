/** Several generators as one: each is a value ahead at most, and whoever has one comes next. */

export interface Merged<T> {
  readonly index: number;
  readonly value: T;
}

type Arrival<T> =
  | { readonly index: number; readonly result: IteratorResult<T, void> }
  | { readonly index: number; readonly error: unknown };

/**
 * Ends all of `streams` when one fails or the reader stops. A generator that waits for something
 * ends only when that comes: abort what it waits for before `return`.
 */
export async function* mergeStreams<T>(
  streams: readonly AsyncGenerator<T, void, void>[],
): AsyncGenerator<Merged<T>, void, void> {
  const arrived: Arrival<T>[] = [];
  let wake: () => void = () => undefined;
  const pull = (index: number): void => {
    const arrive = (arrival: Arrival<T>): void => {
      arrived.push(arrival);
      wake();
    };
    streams[index]?.next().then(
      (result) => arrive({ index, result }),
      (error: unknown) => arrive({ index, error }),
    );
  };
  streams.forEach((_, index) => pull(index));
  let nOpen = streams.length;
  try {
    while (nOpen > 0) {
      const arrival = arrived.shift();
      if (arrival === undefined) {
        await new Promise<void>((resolve) => (wake = resolve));
        continue;
      }
      if ('error' in arrival) throw arrival.error;
      const { index, result } = arrival;
      if (result.done === true) {
        nOpen--;
        continue;
      }
      yield { index, value: result.value };
      pull(index);
    }
  } finally {
    // Not awaited: one of them may wait for what its owner aborts only after this.
    for (const stream of streams) stream.return().catch(() => undefined);
  }
}
