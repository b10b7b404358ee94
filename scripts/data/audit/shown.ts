/** Shares and distributions as reports show them. */
import { share } from '../../eval/intervals.ts';

/** `12.3 % [11.0, 13.7]` */
export function percent(nHit: number, n: number): string {
  const { value, low, high } = share(nHit, n);
  const shown = (part: number): string => (100 * part).toFixed(2);
  return n === 0 ? 'unknown' : `${shown(value)} % [${shown(low)}, ${shown(high)}]`;
}

/** Names of what a distribution's summary gives. */
export const QUANTILES: readonly string[] = [
  ...['least', '5 %', '25 %', 'median', '75 %', '95 %', 'most'],
];
