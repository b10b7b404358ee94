/** Readers of option values for commander; a value that does not fit names what was expected. */
import { InvalidArgumentError } from 'commander';

export function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d+$/.test(text) || port > 65535) {
    throw new InvalidArgumentError('Expected a port from 0 to 65535.');
  }
  return port;
}

/** A whole number of at least `min`. */
export function parseCount(min: number): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(count) || count < min) {
      throw new InvalidArgumentError(`Expected a whole number of at least ${min}.`);
    }
    return count;
  };
}

/** A finite number from `min` to `max`. */
export function parseNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = text.trim() === '' ? Number.NaN : Number(text);
    if (!Number.isFinite(value) || value < min || value > max) {
      throw new InvalidArgumentError(`Expected a number from ${min} to ${max}.`);
    }
    return value;
  };
}
