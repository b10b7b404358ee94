/** A number in [0, 1) that follows from a text. */
import { createHash } from 'node:crypto';

export function hashUnit(text: string): number {
  return createHash('sha256').update(text).digest().readUInt32LE(0) / 2 ** 32;
}
