/** GET /docs: the API reference as a page, made from /openapi.json. */
import { pageResponse } from '../../http/page-response.ts';
import { defineEndpoint } from '../../http/endpoint.ts';

export const docs = defineEndpoint({
  name: 'docs',
  method: 'GET',
  path: '/docs',
  tag: 'server',
  page: 'docs',
  scope: 'read',
  summary: 'API reference as a page',
  responses: [{ status: 200, what: 'the page', contentType: 'text/html' }],
  examples: [{ title: 'The page' }],
  handle: ({ site }) => pageResponse(site.pages.docs),
});
