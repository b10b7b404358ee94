/** GET /openapi.json. */
import { openapiDocument } from '../../http/openapi/document.ts';
import { defineEndpoint } from '../../http/endpoint.ts';

export const openapi = defineEndpoint({
  name: 'openapi',
  method: 'GET',
  path: '/openapi.json',
  tag: 'server',
  scope: 'read',
  summary: 'API reference as OpenAPI 3.1',
  responses: [{ status: 200, what: 'the document', contentType: 'application/json' }],
  examples: [{ title: 'The document' }],
  handle: ({ site }) => Response.json(openapiDocument(site.endpoints)),
});
