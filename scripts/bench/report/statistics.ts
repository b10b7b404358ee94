/** Numbers over repeated measurements. Pure. */

export interface Spread {
  readonly median: number;
  readonly min: number;
  readonly max: number;
}

/** @throws {RangeError} for no values at all. */
export function spread(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  const [min, max] = [sorted[0], sorted.at(-1)];
  if (min === undefined || max === undefined) throw new RangeError('spread: expected a value');
  const middle = sorted.length >> 1;
  const median =
    sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
  return { median, min, max };
}

/** One measurement; the same round of two peers was taken within seconds. */
export interface Sample {
  readonly round: number;
  readonly value: number;
  /** Share of the core's time that other programs took meanwhile; null where it is unknown. */
  readonly othersShare?: number | null;
}

/**
 * Quotients of rounds that both have: what slows the whole machine down for a while cancels out.
 * Null when no round is shared.
 */
export function pairedRatio(over: readonly Sample[], under: readonly Sample[]): Spread | null {
  const below = new Map(under.map(({ round, value }) => [round, value]));
  const ratios = over.flatMap(({ round, value }) => {
    const other = below.get(round);
    return other === undefined || other === 0 ? [] : [value / other];
  });
  return ratios.length === 0 ? null : spread(ratios);
}

/** When the tokens of one stream arrived, in milliseconds, and how many they were. */
export interface StreamTimes {
  readonly atMs: readonly number[];
  readonly nTokens: number;
}

/**
 * Tokens a second of several streams together, over the time in which all of them ran: from the
 * last stream's first token to the first stream's last. Streams that were served one after the
 * other share no such time: then all tokens over all of the time, first tokens left out.
 * An arrival that carries several tokens counts as its share of the stream's tokens.
 */
export function streamsTokensPerSecond(streams: readonly StreamTimes[]): number {
  const firsts = streams.map(({ atMs }) => atMs[0] ?? Number.NaN);
  const lasts = streams.map(({ atMs }) => atMs.at(-1) ?? Number.NaN);
  const from = Math.max(...firsts);
  const to = Math.min(...lasts);
  const within = (start: number, end: number) =>
    streams.reduce((sum, { atMs, nTokens }) => {
      const inside = atMs.filter((at) => at > start && at <= end).length;
      return sum + (inside * (nTokens - 1)) / Math.max(1, atMs.length - 1);
    }, 0);
  const all = streams.reduce((sum, { nTokens }) => sum + nTokens - 1, 0);
  const shared = within(from, to);
  if (to > from && shared >= all / 2) return (shared * 1000) / (to - from);
  return (all * 1000) / (Math.max(...lasts) - Math.min(...firsts));
}

/** `41.6 (34.5-42.8)` */
export function formatSpread({ median, min, max }: Spread, digits: number): string {
  return `${median.toFixed(digits)} (${min.toFixed(digits)}-${max.toFixed(digits)})`;
}
