/** GET /healthz: the script runs. */
import { z } from 'zod';
import { defineEndpoint } from '../../http/endpoint.ts';

export const healthz = defineEndpoint({
  name: 'healthz',
  method: 'GET',
  path: '/healthz',
  tag: 'server',
  scope: null,
  summary: 'Whether the gateway runs',
  responses: [
    { status: 200, what: 'it runs', schema: z.strictObject({ status: z.literal('ok') }) },
  ],
  examples: [{ title: 'Ask' }],
  handle: () => Response.json({ status: 'ok' }),
});
