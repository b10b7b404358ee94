/** Headers of every answer that tell browsers what they must not do with it. */

const HEADERS: Readonly<Record<string, string>> = {
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
  'cross-origin-resource-policy': 'same-origin',
  // Pages have a policy of their own (page-response.ts).
  'content-security-policy': "default-src 'none'; frame-ancestors 'none'",
  // What one key is answered is for nobody else.
  'cache-control': 'no-store',
};
/** A year, in seconds. */
const HSTS = 'max-age=31536000';

/** Those that an answer does not have yet. */
export function securityHeaders(request: Request, response: Response): Record<string, string> {
  const isSecure = new URL(request.url).protocol === 'https:';
  const wanted = { ...HEADERS, ...(isSecure ? { 'strict-transport-security': HSTS } : {}) };
  return Object.fromEntries(Object.entries(wanted).filter(([name]) => !response.headers.has(name)));
}
