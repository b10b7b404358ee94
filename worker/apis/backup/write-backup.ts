/** POST /v1/backup/content. */
import { z } from 'zod';
import { invalidField } from '../../platform/invalid-field.ts';
import { reach, unwrap } from '../../platform/rpc.ts';
import type { RpcAnswer } from '../../platform/rpc.ts';
import { retryStorage } from '../../platform/storage/retry-storage.ts';
import { defineBackupEndpoint } from './env.ts';
import type { BackupEnv } from './env.ts';
import { KIND_NAMES, objectOf, readKind, readName } from './kinds.ts';
import type { Kind } from './kinds.ts';

const metadataSchema = z.record(z.string(), z.string());
const MAX_BYTES = 5 * 1024 ** 3;

export const writeBackup = defineBackupEndpoint({
  name: 'writeBackup',
  method: 'POST',
  path: '/v1/backup/content',
  tag: 'server',
  scope: 'admin',
  summary: 'Replace what one name holds by what a backup has of it',
  description:
    'The body is what GET answers. Whoever owned it does so again. thimble restore asks for it, once ' +
    'it has checked the whole file.',
  query: {
    kind: `one of ${KIND_NAMES.join(', ')}`,
    name: 'of the list of its kind',
    bytes: 'size of the body, for objects of the bucket',
    metadata: 'JSON object of texts, for objects of the bucket; default {}',
  },
  responses: [
    { status: 200, what: 'it is stored', schema: z.strictObject({ restored: z.literal(true) }) },
  ],
  examples: [{ title: 'An unknown kind', query: 'kind=nothing&name=a', body: {}, status: 400 }],
  async handle({ env, request, caller }) {
    const query = new URL(request.url).searchParams;
    const kind = readKind(query);
    const name = readName(query);
    const body = (request.body ?? new Blob([]).stream()) as ReadableStream<Uint8Array>;
    const object = objectOf(env, kind, name);
    if (object === null) await putObject(env, kind, name, query, body);
    else {
      const { requestId } = caller;
      const answer: unknown = await reach('object', () => object.load({ requestId }, body));
      unwrap(answer as RpcAnswer<null>);
      // It ends while it is called.
      await object.restart().catch(() => undefined);
    }
    return Response.json({ restored: true });
  },
});

async function putObject(
  env: BackupEnv,
  { bucket, prefix, hasTombstones = false, announce }: Kind,
  name: string,
  query: URLSearchParams,
  body: ReadableStream<Uint8Array>,
): Promise<void> {
  const bytes = Number(query.get('bytes') ?? 'none');
  if (!Number.isInteger(bytes) || bytes < 0 || bytes > MAX_BYTES)
    throw invalidField('bytes', `expected 0 to ${MAX_BYTES}, got ${query.get('bytes')}`);
  const customMetadata = readMetadata(query.get('metadata') ?? '{}');
  const key = prefix + name;
  if (hasTombstones && (await retryStorage(key, () => env[bucket].head(key)))?.size === 0) {
    // What was erased since the backup stays erased.
    await body.cancel();
    return;
  }
  await announce?.(env, name);
  const sized = new FixedLengthStream(bytes);
  // Both ends fail together; the bucket's own message says why.
  const piped = body.pipeTo(sized.writable).catch(() => undefined);
  await retryStorage(key, () => env[bucket].put(key, sized.readable, { customMetadata }));
  await piped;
}

function readMetadata(text: string): Record<string, string> {
  let json: unknown = null;
  try {
    json = JSON.parse(text);
  } catch {
    // Said below.
  }
  const parsed = metadataSchema.safeParse(json);
  if (parsed.success) return parsed.data;
  throw invalidField('metadata', `expected a JSON object of texts, got ${text.slice(0, 80)}`);
}
