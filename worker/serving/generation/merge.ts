/** Merges generators into one, in the order in which values arrive; each is at most one value ahead. */

export interface Merged<T> {
  readonly index: number;
  readonly value: T;
}

type Arrival<T> =
  | { readonly index: number; readonly result: IteratorResult<T, void> }
  | { readonly index: number; readonly error: unknown };

/**
 * Ends all `streams` when one fails or the reader stops. A generator that waits for something
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
    // Not awaited: a generator may wait for something that its owner aborts only afterwards.
    for (const stream of streams) stream.return().catch(() => undefined);
  }
}
