/**
 * Sets of code points as sorted, disjoint ranges `[from, to, from, to, ...]` (both ends included).
 * Surrogates are not code points of a text and never members.
 */

export type Ranges = readonly number[];

export const MAX_CODE_POINT = 0x10ffff;
/** Every code point a text can have. */
export const ALL: Ranges = [0, 0xd7ff, 0xe000, MAX_CODE_POINT];

/** Sorts and merges, and takes surrogates out. */
export function normalize(pairs: readonly (readonly [number, number])[]): Ranges {
  const sorted = pairs.filter(([from, to]) => from <= to).sort((a, b) => a[0] - b[0]);
  const merged: number[] = [];
  for (const [from, to] of sorted) {
    const last = merged.length - 1;
    if (last > 0 && from <= merged[last]! + 1) merged[last] = Math.max(merged[last]!, to);
    else merged.push(from, to);
  }
  return intersect(merged, ALL);
}

export function union(...sets: readonly Ranges[]): Ranges {
  return normalize(sets.flatMap(pairsOf));
}

export function intersect(a: Ranges, b: Ranges): Ranges {
  const out: number[] = [];
  for (let i = 0, j = 0; i < a.length && j < b.length;) {
    const from = Math.max(a[i]!, b[j]!);
    const to = Math.min(a[i + 1]!, b[j + 1]!);
    if (from <= to) out.push(from, to);
    if (a[i + 1]! < b[j + 1]!) i += 2;
    else j += 2;
  }
  return out;
}

/** All code points that are not in `set`. */
export function complement(set: Ranges): Ranges {
  const gaps: [number, number][] = [];
  let from = 0;
  for (const [low, high] of pairsOf(set)) {
    gaps.push([from, low - 1]);
    from = high + 1;
  }
  gaps.push([from, MAX_CODE_POINT]);
  return normalize(gaps);
}

export function pairsOf(set: Ranges): [number, number][] {
  const pairs: [number, number][] = [];
  for (let i = 0; i < set.length; i += 2) pairs.push([set[i]!, set[i + 1]!]);
  return pairs;
}

/** The members of a string as single code points. */
export function rangesOf(characters: string): Ranges {
  return normalize([...characters].map((c) => [c.codePointAt(0)!, c.codePointAt(0)!]));
}
