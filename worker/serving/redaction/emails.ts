/** E-mail addresses (RFC 5321, without quoted local parts). */
import type { Span } from './span.ts';

const MAX_LOCAL = 64;
const MAX_DOMAIN = 253;
const LOCAL = charSet(/[\p{L}\p{N}.!#$%&'*+/=?^_`{|}~-]/u);
const DOMAIN = charSet(/[\p{L}\p{N}.-]/u);
const LABEL = /^[\p{L}\p{N}](?:[\p{L}\p{N}-]{0,61}[\p{L}\p{N}])?$/u;

/** A set of characters, asked by code unit. */
function charSet(pattern: RegExp): (code: number) => boolean {
  const ascii = Array.from({ length: 128 }, (_, code) => pattern.test(String.fromCharCode(code)));
  return (code) => (code < 128 ? ascii[code]! : pattern.test(String.fromCharCode(code)));
}

export function* findEmails(text: string): Generator<Span, void, void> {
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    let start = at;
    while (at - start < MAX_LOCAL && start > 0 && LOCAL(text.charCodeAt(start - 1))) start--;
    while (start < at && /[.'`{}|/=?&]/.test(text[start]!)) start++;
    let end = at + 1;
    while (end - at <= MAX_DOMAIN && DOMAIN(text.charCodeAt(end))) end++;
    while (end > at && /[.-]/.test(text[end - 1]!)) end--;
    const labels = text.slice(at + 1, end).split('.');
    const top = labels.at(-1) ?? '';
    const isDomain = labels.length > 1 && labels.every((label) => LABEL.test(label));
    if (start < at && isDomain && /^(?:\p{L}{2,63}|xn--.*)$/u.test(top)) yield { start, end };
  }
}
