/**
 * A page that takes all it needs from its own server, and says so to the browser. What reads the
 * microphone (an audio worklet) has to be a script with an address: a blob of the page's own.
 */

const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline' blob:; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
};

export function pageResponse(html: string): Response {
  return new Response(html, { headers: HEADERS });
}
