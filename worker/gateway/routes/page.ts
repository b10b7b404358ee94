/** GET /: the chat page. */
import html from '../page/index.html';
import type { Route } from './route.ts';

export const page: Route = {
  method: 'GET',
  path: '/',
  handle: () =>
    new Response(html, {
      headers: {
        'content-type': 'text/html; charset=utf-8',
        'content-security-policy':
          "default-src 'none'; connect-src 'self'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        'x-content-type-options': 'nosniff',
      },
    }),
};
