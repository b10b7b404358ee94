/** Samples of recorded speech, and signals made of formulas (as in tests/golden/make-log-mel.py). */
import { readFile } from 'node:fs/promises';

export const RATE = 16_000;

/** Samples of a mono 16-bit WAV file at RATE. */
export async function readWav(path: string): Promise<Float32Array> {
  const bytes = await readFile(path);
  let at = 12;
  while (bytes.toString('latin1', at, at + 4) !== 'data') at += 8 + bytes.readUInt32LE(at + 4);
  const nSample = bytes.readUInt32LE(at + 4) / 2;
  return Float32Array.from(
    { length: nSample },
    (_, i) => bytes.readInt16LE(at + 8 + i * 2) / 32_768,
  );
}

/** The upper bits of a linear congruential generator, in [-1, 1). */
export function noise(nSample: number, seed = 12_345): Float32Array {
  let state = seed;
  return Float32Array.from({ length: nSample }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) & 0x7fffffff;
    return (state >> 8) / 2 ** 22 - 1;
  });
}

/** A tone that rises from 50 Hz by 240 Hz a second. */
export function chirp(nSample: number): Float32Array {
  return Float32Array.from({ length: nSample }, (_, i) => {
    const t = i / RATE;
    return 0.5 * Math.sin(2 * Math.PI * (50 + 120 * t) * t);
  });
}
