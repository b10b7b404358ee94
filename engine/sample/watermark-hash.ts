/**
 * The keyed hash of the watermark: HalfSipHash-2-4 (Aumasson and Bernstein) of the last tokens, under both
 * halves of the key, gives a seed; a mix of the seed and a token gives its bits. Bits of a token say nothing
 * about those of another context without the key.
 */

/** Tokens before a token that its bits depend on. */
export const WATERMARK_CONTEXT = 4;
/**
 * Bits of a token. More are found in shorter texts, and leave less of the draw to the seed: with these,
 * answers to the same prompt still differ.
 */
export const WATERMARK_LAYERS = 10;

/** 128 bits as four words. */
export type WatermarkKey = readonly [number, number, number, number];
/** 64 bits as two words. */
export type ContextSeed = readonly [number, number];

const MASK = (1 << WATERMARK_LAYERS) - 1;

/** Seed of the token at `place`, from the tokens before it; there are at least WATERMARK_CONTEXT. */
export function contextSeed(
  [a, b, c, d]: WatermarkKey,
  text: readonly number[],
  place: number,
): ContextSeed {
  return [halfSipHash(a, b, text, place), halfSipHash(c, d, text, place)];
}

/** WATERMARK_LAYERS bits of a token, the first layer's the lowest; mixes as in murmur3's finalizer. */
export function tokenBits([a, b]: ContextSeed, token: number): number {
  let h = a ^ Math.imul(token + 1, 0x9e3779b1);
  for (let round = 0; round < 2; round++) {
    h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
    h ^= h >>> 16;
    h = (h + b) | 0;
  }
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  return (h >>> 16) & MASK;
}

/** 32 bits of HalfSipHash-2-4 over the ids of the context as little-endian words. */
function halfSipHash(k0: number, k1: number, text: readonly number[], place: number): number {
  const v: Words = [k0, k1, 0x6c796765 ^ k0, 0x74656462 ^ k1];
  for (let i = place - WATERMARK_CONTEXT; i < place; i++) absorb(v, text[i]!);
  absorb(v, (4 * WATERMARK_CONTEXT) << 24);
  v[2] ^= 0xff;
  for (let round = 0; round < 4; round++) sipRound(v);
  return (v[1] ^ v[3]) >>> 0;
}

type Words = [number, number, number, number];

function absorb(v: Words, word: number): void {
  v[3] ^= word;
  sipRound(v);
  sipRound(v);
  v[0] ^= word;
}

function sipRound(v: Words): void {
  let [v0, v1, v2, v3] = v;
  v0 = (v0 + v1) | 0;
  v1 = rotate(v1, 5) ^ v0;
  v0 = rotate(v0, 16);
  v2 = (v2 + v3) | 0;
  v3 = rotate(v3, 8) ^ v2;
  v0 = (v0 + v3) | 0;
  v3 = rotate(v3, 7) ^ v0;
  v2 = (v2 + v1) | 0;
  v1 = rotate(v1, 13) ^ v2;
  v2 = rotate(v2, 16);
  v[0] = v0;
  v[1] = v1;
  v[2] = v2;
  v[3] = v3;
}

function rotate(x: number, n: number): number {
  return (x << n) | (x >>> (32 - n));
}
