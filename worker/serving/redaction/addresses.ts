/** Addresses of machines (IPv4, and IPv6 as in RFC 4291), and what a URL must not give away. */
import type { Span } from './span.ts';
import { isWordAt } from './span.ts';

const IPV4 = /(?:\d{1,3}\.){3}\d{1,3}/g;
const VERSION_BEFORE = /(?:version|release|v)[ .]?$/i;
const IPV6_RUN = /[0-9A-Fa-f:.]+/g;
const MAX_IPV6 = 45;

export function* findIps(text: string): Generator<Span, void, void> {
  const ends = new Set<number>();
  for (const { index, 0: run } of text.matchAll(IPV6_RUN)) {
    const found = run.replace(/(?<!:):$|\.$/, '');
    const end = index + found.length;
    if (found.length > MAX_IPV6 || isWordAt(text, index - 1) || isWordAt(text, end)) continue;
    if (!isIpv6(found)) continue;
    ends.add(end);
    yield { start: index, end };
  }
  for (const { index, 0: found } of text.matchAll(IPV4)) {
    const end = index + found.length;
    const isPart =
      /[\w.]/.test(text[index - 1] ?? ' ') ||
      isWordAt(text, end) ||
      /^\.\d/.test(text.slice(end, end + 2)) ||
      ends.has(end);
    if (!isPart && isIpv4(found) && !VERSION_BEFORE.test(text.slice(Math.max(0, index - 9), index)))
      yield { start: index, end };
  }
}

function isIpv4(text: string): boolean {
  return text.split('.').every((part) => Number(part) <= 255 && !/^0\d/.test(part));
}

function isIpv6(text: string): boolean {
  const halves = text.split('::');
  if (halves.length > 2 || text.length < 4 || !text.includes(':')) return false;
  const parts = halves.flatMap((half) => (half === '' ? [] : half.split(':')));
  const last = parts.at(-1) ?? '';
  const isMixed = last.includes('.');
  const hex = isMixed ? parts.slice(0, -1) : parts;
  if (isMixed && !(/^(?:\d{1,3}\.){3}\d{1,3}$/.test(last) && isIpv4(last))) return false;
  if (!hex.every((part) => /^[0-9A-Fa-f]{1,4}$/.test(part))) return false;
  const n = hex.length + (isMixed ? 2 : 0);
  return halves.length === 2 ? n < 8 : n === 8;
}

const URL_START = /\b[a-z][a-z0-9+.-]{1,20}:\/\//gi;
/** What a URL ends with at the latest. */
const URL_END = /[\s"'<>`\\^{|}]/;
const MAX_URL = 8192;
const SECRET_NAMES =
  /^(?:.{0,40}[_.-])?(?:access[_-]?token|id[_-]?token|refresh[_-]?token|token|api[_-]?key|apikey|key|secret|client[_-]?secret|password|passwd|pwd|pass|auth|authorization|sig|signature|session|sessionid|sid|code|jwt|credential)$/i;

/** Values of parameters that let somebody in, and names and passwords before the host. */
export function* findUrlSecrets(text: string): Generator<Span, void, void> {
  let done = 0;
  for (const { index, 0: begin } of text.matchAll(URL_START)) {
    // An address inside another: its parameters were looked at with those of the outer one.
    if (index < done) continue;
    const from = index + begin.length;
    const rest = text.slice(from, from + MAX_URL);
    const length = rest.search(URL_END);
    const url = length < 0 ? rest : rest.slice(0, length);
    done = from + url.length;
    const authority = url.search(/[/?#]/);
    const host = authority < 0 ? url : url.slice(0, authority);
    const at = host.lastIndexOf('@');
    if (at > 0) yield { start: from, end: from + at };
    yield* secretParameters(url, from);
  }
}

function* secretParameters(url: string, from: number): Generator<Span, void, void> {
  const query = url.search(/[?#]/);
  if (query < 0) return;
  let start = query + 1;
  for (const pair of url.slice(start).split(/[&;#?]/)) {
    const equals = pair.indexOf('=');
    const value = pair.slice(equals + 1).replace(/[.,)\]]+$/, '');
    const isSecret = equals > 0 && equals <= 80 && SECRET_NAMES.test(pair.slice(0, equals));
    if (isSecret && value !== '')
      yield { start: from + start + equals + 1, end: from + start + equals + 1 + value.length };
    start += pair.length + 1;
  }
}
