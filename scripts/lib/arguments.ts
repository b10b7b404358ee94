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

/** A whole number of at least `min`, and at most `max`. */
export function parseCount(min: number, max = Number.MAX_SAFE_INTEGER): (text: string) => number {
  return (text) => {
    const count = Number(text);
    if (!/^\d+$/.test(text) || !Number.isSafeInteger(count) || count < min || count > max) {
      const most = max === Number.MAX_SAFE_INTEGER ? '' : ` and at most ${max}`;
      throw new InvalidArgumentError(`Expected a whole number of at least ${min}${most}.`);
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

const TIME_UNITS_MS: Readonly<Record<string, number>> = {
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** A length of time such as `30m` or `90d`, in milliseconds. */
export function parseDuration(text: string): number {
  const [, count = '', unit = ''] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  const unitMs = TIME_UNITS_MS[unit];
  if (unitMs === undefined)
    throw new InvalidArgumentError('Expected a time such as 90s, 30m, 12h or 90d.');
  return Number(count) * unitMs;
}

/** A time to come: a date, or a length of time from now. */
export function parseTime(text: string): Date {
  const time = /^\d{4}-\d{2}-\d{2}/.test(text)
    ? new Date(text)
    : new Date(Date.now() + parseDuration(text));
  if (Number.isNaN(time.getTime()) || time.getTime() <= Date.now())
    throw new InvalidArgumentError('Expected a time to come, such as 90d or 2027-01-31.');
  return time;
}

/** Who owns what is kept. Those of tokens begin with "jwt:". */
export function parseSubject(text: string): string {
  if (!/^[A-Za-z0-9][A-Za-z0-9._@+-]{0,99}$/.test(text))
    throw new InvalidArgumentError(
      'Expected 1 to 100 letters, digits or ".", "_", "@", "+", "-", and a letter or digit first.',
    );
  return text;
}

/** Origins of web pages, one after the other. */
export function collectOrigin(text: string, before: readonly string[] = []): readonly string[] {
  const isOrigin = URL.canParse(text) && new URL(text).origin === text;
  if (text !== '*' && !isOrigin)
    throw new InvalidArgumentError('Expected an origin such as https://example.org, or * for all.');
  return [...before, text];
}

/** Names of hosts, one after the other. */
export function collectHost(text: string, before: readonly string[] = []): readonly string[] {
  if (!/^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$/i.test(text))
    throw new InvalidArgumentError('Expected a name without a port, such as thimble.lan.');
  return [...before, text.toLowerCase()];
}

/** Addresses that the server may ask, one after the other. */
export function collectAddress(text: string, before: readonly string[] = []): readonly string[] {
  const url = URL.canParse(text) ? new URL(text) : null;
  const isWeb = url?.protocol === 'https:' || url?.protocol === 'http:';
  if (!isWeb || text.includes(',') || url.username !== '' || url.search !== '')
    throw new InvalidArgumentError(
      'Expected an address such as https://example.org/folder, without a name, a password or a query.',
    );
  return [...before, url.href];
}
