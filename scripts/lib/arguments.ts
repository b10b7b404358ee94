/** Readers of option values for commander; a value that does not fit names what was expected. */
import { InvalidArgumentError } from 'commander';
import { MAX_ISOLATES, MAX_REPLICAS } from '../../engine/manifest/placement.ts';

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

/** A token id and a number, `id=bias`, onto those given before. */
export function collectBias(
  text: string,
  before: readonly (readonly [number, number])[] = [],
): readonly (readonly [number, number])[] {
  const [, id = '', bias = ''] = /^(\d{1,9})=(-?\d+(?:\.\d+)?)$/.exec(text) ?? [];
  if (id === '' || Math.abs(Number(bias)) > 100)
    throw new InvalidArgumentError('Expected ID=BIAS, a token id and a number from -100 to 100.');
  return [...before, [Number(id), Number(bias)]];
}

/** Names separated by commas, each one of `known` and none twice. */
export function parseNames<Name extends string>(known: readonly Name[]): (text: string) => Name[] {
  return (text) => {
    const names = text.split(',').map((name) => name.trim());
    const isRight = names.every((name) => known.some((other) => other === name));
    if (!isRight || new Set(names).size !== names.length)
      throw new InvalidArgumentError(`Expected names of ${known.join(',')}, each once.`);
    return names as Name[];
  };
}

/** Copies of a model. */
export function parseReplicas(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1 || count > MAX_REPLICAS)
    throw new InvalidArgumentError(`Expected a whole number from 1 to ${MAX_REPLICAS}.`);
  return count;
}

/** Isolates of a pool, or `auto` for as many as its models need. */
export function parseIsolates(text: string): number | 'auto' {
  const count = Number(text);
  if (text === 'auto') return text;
  if (!/^\d+$/.test(text) || count < 1 || count > MAX_ISOLATES)
    throw new InvalidArgumentError(`Expected a whole number from 1 to ${MAX_ISOLATES}, or auto.`);
  return count;
}

const BYTE_UNITS: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  kB: 1e3,
  MB: 1e6,
  GB: 1e9,
  KiB: 2 ** 10,
  MiB: 2 ** 20,
  GiB: 2 ** 30,
};

/** A size, or `none` for no limit. */
export function parseMemory(text: string): number | 'none' {
  return text === 'none' ? text : parseBytes(text);
}

/** A number of bytes with its unit: `128MB`, `1.5 GiB`, `100000000`. */
export function parseBytes(text: string): number {
  const [, number = '', unit = ''] = /^(\d+(?:\.\d+)?) ?([a-zA-Z]*)$/.exec(text.trim()) ?? [];
  const bytes = Math.floor(Number(number) * (BYTE_UNITS[unit] ?? Number.NaN));
  if (number === '' || !Number.isSafeInteger(bytes) || bytes < 1)
    throw new InvalidArgumentError('Expected a size such as 128MB, 120MiB or 128000000.');
  return bytes;
}
