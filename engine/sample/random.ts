/** Random numbers as a pure function of seed and step: independent of whatever runs beside. */

/** Streams of random numbers, independent of each other within a step; redraws use `redraw` and those after it. */
export const STREAMS = { draw: 0, xtc: 1, redraw: 2 } as const;

/** A uniform number in [0, 1) with 32 random bits; mixes as in murmur3's finalizer. */
export function uniformAt(seed: number, step: number, stream: number = STREAMS.draw): number {
  let h = Math.imul(seed ^ 0x9e3779b9, 0x85ebca6b) ^ Math.imul(step + 1, 0xc2b2ae35);
  h ^= Math.imul(stream, 0x27d4eb2f);
  h ^= Math.floor(seed / 2 ** 32);
  for (let round = 0; round < 2; round++) {
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h ^= h >>> 16;
  }
  return (h >>> 0) / 2 ** 32;
}
