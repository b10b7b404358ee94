/** GET /: the chat page. */
import { pageResponse } from '../../http/page-response.ts';
import { defineEndpoint } from '../../http/endpoint.ts';

export const page = defineEndpoint({
  name: 'page',
  method: 'GET',
  path: '/',
  tag: 'server',
  page: 'chat',
  scope: 'read',
  summary: 'Chat page',
  responses: [{ status: 200, what: 'the page', contentType: 'text/html' }],
  examples: [{ title: 'The page' }],
  handle: ({ site }) => pageResponse(site.pages.chat),
});
