/** An example as a curl command line. */
import type { EndpointFacts, Example } from '../endpoint.ts';

const ORIGIN = 'http://localhost:8787';

export function curlOf(
  { method, path }: Pick<EndpointFacts, 'method' | 'path'>,
  { params = {}, query, headers = {}, body, form = {} }: Example,
): string {
  const filled = path.replaceAll(/:(\w+)/g, (_, name: string) => shown(params[name] ?? ''));
  const url = `${ORIGIN}${filled}${query === undefined ? '' : `?${query}`}`;
  const hasContent = body !== undefined || Object.keys(form).length > 0;
  const parts = ['curl', ...(method === 'GET' || hasContent ? [] : ['-X', method])];
  if (body?.['stream'] === true) parts.push('-N');
  parts.push(quote(url));
  for (const [name, value] of Object.entries(headers)) parts.push('-H', quote(`${name}: ${value}`));
  for (const [name, value] of Object.entries(form))
    parts.push('-F', quote(`${name}=${typeof value === 'string' ? value : `@${value.filename}`}`));
  if (body !== undefined)
    parts.push('-H', quote('content-type: application/json'), '-d', quote(JSON.stringify(body)));
  return parts.join(' ');
}

/** `$id` stands for an id from an earlier answer. */
function shown(value: string): string {
  return value.startsWith('$') ? `<${value.slice(1)}>` : value;
}

/** Quoted for a POSIX shell. */
function quote(text: string): string {
  return /^[\w:/.?=&-]+$/.test(text) ? text : `'${text.replaceAll("'", String.raw`'\''`)}'`;
}
