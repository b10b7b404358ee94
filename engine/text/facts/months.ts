/** English months, whole or cut to three letters. */

const MONTHS =
  'january february march april may june july august september october november december'.split(
    ' ',
  );

/** As a part of a pattern that ignores case. */
export const MONTH = [...MONTHS, ...MONTHS.map((month) => month.slice(0, 3)), 'sept'].join('|');

/** From 1. */
export function monthOf(name: string): number {
  return MONTHS.findIndex((month) => month.startsWith(name.toLowerCase().slice(0, 3))) + 1;
}
