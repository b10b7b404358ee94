/** An example as a command line. */
import type { Endpoint, Example } from '../endpoints/endpoint.ts';

const ORIGIN = 'http://localhost:8787';

export function curlOf(
  { method, path }: Pick<Endpoint, 'method' | 'path'>,
  { params = {}, query, headers = {}, body }: Example,
): string {
  const filled = path.replaceAll(/:(\w+)/g, (_, name: string) => shown(params[name] ?? ''));
  const url = `${ORIGIN}${filled}${query === undefined ? '' : `?${query}`}`;
  const parts = ['curl', ...(method === 'GET' || body !== undefined ? [] : ['-X', method])];
  if (body?.['stream'] === true) parts.push('-N');
  parts.push(quote(url));
  for (const [name, value] of Object.entries(headers)) parts.push('-H', quote(`${name}: ${value}`));
  if (body !== undefined)
    parts.push('-H', quote('content-type: application/json'), '-d', quote(JSON.stringify(body)));
  return parts.join(' ');
}

/** `$id` is what an earlier answer told. */
function shown(value: string): string {
  return value.startsWith('$') ? `<${value.slice(1)}>` : value;
}

/** For a POSIX shell. */
function quote(text: string): string {
  return /^[\w:/.?=&-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
