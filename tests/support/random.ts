/** Seeded test values (mulberry32). */
export function seededRandom(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

/** Roughly normal values, with exact zeros and a few extremes among them. */
export function randomValues(length: number, seed: number, scale = 1): Float32Array {
  const random = seededRandom(seed);
  const draw = () => {
    const u = random() + random() + random() + random() - 2;
    const kind = random();
    if (kind < 0.02) return 0;
    if (kind < 0.04) return u * 20 * scale;
    return u * scale;
  };
  const values = new Float32Array(length);
  for (let i = 0; i < length; i++) values[i] = draw();
  return values;
}
