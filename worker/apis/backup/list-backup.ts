/** GET /v1/backup. */
import { z } from 'zod';
import { retryStorage } from '../../platform/storage/retry-storage.ts';
import { defineBackupEndpoint } from './env.ts';
import { KIND_NAMES, readKind } from './kinds.ts';

const itemSchema = z.strictObject({
  name: z.string(),
  bytes: z.number().int(),
  metadata: z.record(z.string(), z.string()),
});

export const listBackup = defineBackupEndpoint({
  name: 'listBackup',
  method: 'GET',
  path: '/v1/backup',
  tag: 'server',
  scope: 'admin',
  summary: 'List what a backup holds, of one kind',
  description: 'Of all subjects. thimble backup asks for it (docs/cli.md).',
  query: {
    kind: `one of ${KIND_NAMES.join(', ')}`,
    cursor: 'of the page before; without it the list begins',
  },
  responses: [
    {
      status: 200,
      what: 'a page of names; "cursor" is null at the end',
      schema: z.strictObject({
        object: z.literal('list'),
        data: z.array(itemSchema),
        cursor: z.string().nullable(),
      }),
    },
  ],
  examples: [
    { title: 'Keys', query: 'kind=keys' },
    { title: 'An unknown kind', query: 'kind=nothing', status: 400 },
  ],
  async handle({ env, request }) {
    const query = new URL(request.url).searchParams;
    const kind = readKind(query);
    const { bucket, prefix, suffix = '', objects } = kind;
    const nameOf = kind.nameOf ?? ((rest: string) => rest.slice(0, rest.length - suffix.length));
    const cursor = query.get('cursor');
    const page = await retryStorage(`list of ${prefix}`, () =>
      env[bucket].list({
        prefix,
        include: ['customMetadata'],
        ...(cursor === null ? {} : { cursor }),
      }),
    );
    const data = page.objects
      .filter(({ key }) => key.endsWith(suffix))
      .map(({ key, size, customMetadata = {} }) => ({
        name: nameOf(key.slice(prefix.length)),
        bytes: objects === undefined ? size : 0,
        metadata: objects === undefined ? customMetadata : {},
      }));
    return Response.json({ object: 'list', data, cursor: page.truncated ? page.cursor : null });
  },
});
