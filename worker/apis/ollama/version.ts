/** GET /api/version, which clients of Ollama ask for first. */
import { z } from 'zod';
import { defineEndpoint } from '../../http/endpoint.ts';
import { VERSION } from '../../platform/version.ts';

export const ollamaVersion = defineEndpoint({
  name: 'ollamaVersion',
  method: 'GET',
  path: '/api/version',
  tag: 'ollama',
  scope: 'read',
  summary: 'Version of this server',
  errors: 'ollama',
  responses: [
    { status: 200, what: 'the version', schema: z.strictObject({ version: z.string() }) },
  ],
  examples: [{ title: 'Ask' }],
  handle: () => Response.json({ version: VERSION }),
});
