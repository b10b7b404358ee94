/**
 * A page that loads everything from its own server, which its content security policy enforces. The
 * audio worklet that reads the microphone must be a script with a URL: a blob made by the page.
 */

const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'content-security-policy':
    "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline' blob:; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
  'x-content-type-options': 'nosniff',
};

export function pageResponse(html: string, status = 200): Response {
  return new Response(html, { status, headers: HEADERS });
}
