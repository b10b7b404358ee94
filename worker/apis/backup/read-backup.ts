/** GET /v1/backup/content. */
import { EngineError } from '../../../engine/base/errors.ts';
import { retryStorage } from '../../platform/storage/retry-storage.ts';
import { reach } from '../../platform/rpc.ts';
import { defineBackupEndpoint } from './env.ts';
import { KIND_NAMES, objectOf, readKind, readName } from './kinds.ts';

const CONTENT_TYPE = 'application/octet-stream';

export const readBackup = defineBackupEndpoint({
  name: 'readBackup',
  method: 'GET',
  path: '/v1/backup/content',
  tag: 'server',
  scope: 'admin',
  summary: 'Get what one name of a backup holds',
  description:
    'The bytes of an object of the bucket, or lines of JSON: all rows of an object with a database, ' +
    'sealed content sealed.',
  query: { kind: `one of ${KIND_NAMES.join(', ')}`, name: 'of the list of its kind' },
  responses: [{ status: 200, what: 'the content', contentType: CONTENT_TYPE }],
  examples: [
    { title: 'An unknown name', query: 'kind=files&name=nobody/file-0', status: 404 },
    { title: 'A session that does not exist', query: 'kind=sessions&name=nobody/none' },
  ],
  async handle({ env, request }) {
    const query = new URL(request.url).searchParams;
    const kind = readKind(query);
    const name = readName(query);
    const headers = { 'content-type': CONTENT_TYPE };
    const object = objectOf(env, kind, name);
    if (object !== null)
      return new Response(await reach('object', () => object.dump()), { headers });
    const key = kind.prefix + name;
    const found = await retryStorage(key, () => env[kind.bucket].get(key));
    if (found === null)
      throw new EngineError(
        'E_NOT_FOUND',
        `name: no ${JSON.stringify(name.slice(0, 80))} of this kind.`,
        {
          param: 'name',
        },
      );
    return new Response(found.body, { headers });
  },
});
