/**
 * Whose turn it is among generations that wait for pages: scopes (subjects) take turns, and within one the first
 * to come is the first to go. So a subject with a hundred waiting delays another by one of them, not by all.
 */

/** What the order depends on. */
export interface Contender {
  /** With whom it takes turns. */
  readonly scope: string;
  /** Smaller for those that came earlier. */
  readonly age: number;
}

/**
 * The waiting in the order in which they are let in: each time the oldest of the scope that then has the fewest
 * running; of scopes with as many, the one whose oldest has come first.
 */
export function* fairOrder<T extends Contender>(
  waiting: readonly T[],
  running: readonly Contender[],
): Generator<T, void, void> {
  const nRunning = countScopes(running);
  const queues = [...Map.groupBy(waiting, ({ scope }) => scope)].map(([scope, own]) => ({
    scope,
    own: own.toSorted((a, b) => a.age - b.age),
    n: nRunning.get(scope) ?? 0,
    at: 0,
  }));
  for (;;) {
    let best: (typeof queues)[number] | null = null;
    for (const queue of queues) {
      if (queue.at === queue.own.length) continue;
      const isSooner = best === null || queue.own[queue.at]!.age < best.own[best.at]!.age;
      if (best === null || queue.n < best.n || (queue.n === best.n && isSooner)) best = queue;
    }
    if (best === null) return;
    best.n++;
    yield best.own[best.at++]!;
  }
}

/** Who gives way when too many wait: the last to come of the scope that has most waiting. */
export function lastOfLargest<T extends Contender>(waiting: readonly T[]): T | null {
  const counts = countScopes(waiting);
  let last: T | null = null;
  for (const one of waiting) {
    const more = counts.get(one.scope)! - (last === null ? 0 : counts.get(last.scope)!);
    if (last === null || more > 0 || (more === 0 && one.age > last.age)) last = one;
  }
  return last;
}

export function countScopes(all: readonly Contender[]): ReadonlyMap<string, number> {
  const counts = new Map<string, number>();
  for (const { scope } of all) counts.set(scope, (counts.get(scope) ?? 0) + 1);
  return counts;
}
