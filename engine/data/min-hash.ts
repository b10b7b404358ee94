/**
 * MinHash: a short signature of a set of shingles, of which the share of equal places estimates the Jaccard
 * similarity of two sets (Broder 1997). A place keeps the low 16 bits of a minimum (Li and Koenig 2010), which adds
 * at most 2^-16 to an estimate.
 */
import { mix } from './shingles.ts';

/** Places of a signature: an estimate's standard deviation is sqrt(J (1 - J) / 128), 0.035 at J = 0.8. */
export const N_HASH = 128;
/** Which hash functions: signatures are comparable only among themselves. */
const SEED = 0x5eed;

const MULTIPLIERS = Uint32Array.from({ length: N_HASH }, (_, i) => mix(SEED + 2 * i) | 1);
const ADDENDS = Uint32Array.from({ length: N_HASH }, (_, i) => mix(SEED + 2 * i + 1));

/** The signature of a set, [N_HASH]; that of an empty set equals no other by meaning and must not be compared. */
export function signatureOf(shingles: Uint32Array): Uint16Array {
  const signature = new Uint16Array(N_HASH);
  for (let i = 0; i < N_HASH; i++) {
    const [a, b] = [MULTIPLIERS[i]!, ADDENDS[i]!];
    let least = 0xffffffff;
    // By far the hottest loop of deduplication.
    for (let j = 0; j < shingles.length; j++) {
      const hash = (Math.imul(a, shingles[j]!) + b) >>> 0;
      if (hash < least) least = hash;
    }
    signature[i] = least;
  }
  return signature;
}

/** Estimated Jaccard similarity, 0 to 1. */
export function estimateJaccard(one: Uint16Array, other: Uint16Array): number {
  let nEqual = 0;
  for (let i = 0; i < N_HASH; i++) if (one[i] === other[i]) nEqual++;
  return nEqual / N_HASH;
}

/** Rows of a band, so that two sets of similarity `threshold` meet in a band with a probability of at least 0.99. */
export function bandRowsFor(threshold: number): number {
  const isFound = (nRow: number): boolean => 1 - (1 - threshold ** nRow) ** (N_HASH / nRow) >= 0.99;
  return [16, 8, 4, 2].find(isFound) ?? 1;
}
