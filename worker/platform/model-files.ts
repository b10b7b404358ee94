/**
 * A model's files in the R2 bucket: how they and its manifest are read. Shared by the
 * gateway (tokenizer) and the stage (weights).
 */
import { EngineError } from '../../engine/base/errors.ts';
import { type Manifest, MODEL_ID_PATTERN, parseManifest } from '../../engine/manifest/manifest.ts';
import type { ModelFile } from '../../engine/manifest/manifest.ts';
import { sha256Hex } from '../../engine/base/sha256.ts';
import { manifestKey, modelKey, MODELS_PREFIX, versionKey, versionOf } from './model-keys.ts';
import { retryStorage } from './storage/retry-storage.ts';

/** How long a client should wait before asking again for a model that could not be read. */
const R2_RETRY_AFTER_S = 5;

const MAX_LISTED_MODELS = 1000;

export interface StoredManifest {
  readonly manifest: Manifest;
  /** The beginning of the SHA-256 of the manifest's bytes: names what is pushed. */
  readonly version: string;
}

/** Runs an operation on a model's files and retries it. @throws {EngineError} E_WEIGHTS_FETCH */
export async function retryWeights<T>(what: string, run: () => Promise<T>): Promise<T> {
  return await retryStorage(what, run, { code: 'E_WEIGHTS_FETCH', retryAfterS: R2_RETRY_AFTER_S });
}

/** What R2 calls the manifest that was read last of each model: unchanged ones are not read again. */
const etags = new WeakMap<R2Bucket, Map<string, { version: string; etag: string }>>();

/**
 * Reads a manifest; gives 'unchanged' when it still is the known version, null when
 * there is no such model.
 */
export async function readManifest(
  bucket: R2Bucket,
  modelId: string,
  knownVersion?: string,
): Promise<StoredManifest | 'unchanged' | null> {
  if (!MODEL_ID_PATTERN.test(modelId)) return null;
  const key = manifestKey(modelId);
  const seen = etags.get(bucket)?.get(modelId);
  const isKnown = seen !== undefined && seen.version === knownVersion;
  const only = isKnown ? { onlyIf: { etagDoesNotMatch: seen.etag } } : {};
  const found = await retryWeights(key, async () => {
    const object: R2ObjectBody | R2Object | null = await bucket.get(key, only);
    if (object === null) return null;
    if (!('body' in object)) return 'unchanged' as const;
    return { bytes: new Uint8Array(await object.arrayBuffer()), etag: object.etag };
  });
  if (found === null || found === 'unchanged') return found;
  // What cannot be read is not asked for again.
  const stored = await parseStored(key, found.bytes);
  const known = etags.get(bucket) ?? new Map<string, { version: string; etag: string }>();
  etags.set(bucket, known.set(modelId, { version: stored.version, etag: found.etag }));
  return stored.version === knownVersion ? 'unchanged' : stored;
}

/**
 * The manifest of one version, served or served before; null when it is not kept any more.
 * @throws {EngineError} E_WEIGHTS_FETCH, E_MANIFEST_INVALID; E_WEIGHTS_HASH when it is not that version's.
 */
export async function readManifestVersion(
  bucket: R2Bucket,
  modelId: string,
  version: string,
): Promise<StoredManifest | null> {
  if (!MODEL_ID_PATTERN.test(modelId) || !/^[0-9a-f]{16}$/.test(version)) return null;
  const key = versionKey(modelId, version);
  const bytes = await retryWeights(key, async () => {
    const object = await bucket.get(key);
    return object === null ? null : new Uint8Array(await object.arrayBuffer());
  });
  if (bytes === null) return null;
  const stored = await parseStored(key, bytes);
  if (stored.version === version) return stored;
  throw new EngineError(
    'E_WEIGHTS_HASH',
    `storage: ${key}; expected a manifest whose SHA-256 begins with ${version}, got ${stored.version}. ` +
      'Push the model again.',
    { details: { key, expected: version, got: stored.version } },
  );
}

async function parseStored(key: string, bytes: Uint8Array<ArrayBuffer>): Promise<StoredManifest> {
  const manifest = parseManifest(parseJson(key, new TextDecoder().decode(bytes)));
  return { manifest, version: versionOf(await sha256Hex(bytes)) };
}

function parseJson(key: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new EngineError('E_MANIFEST_INVALID', `${key}: not JSON. Push the model again.`, {
      cause,
    });
  }
}

/** @throws {EngineError} E_WEIGHTS_FETCH naming the file, E_WEIGHTS_HASH for a wrong length. */
export async function readModelFile(
  bucket: R2Bucket,
  modelId: string,
  file: ModelFile,
): Promise<Uint8Array<ArrayBuffer>> {
  const key = modelKey(modelId, file);
  const { bytes: expected } = file;
  return await retryWeights(key, async () => {
    const object = await bucket.get(key);
    if (object === null)
      throw new EngineError(
        'E_WEIGHTS_FETCH',
        `storage: ${key} is missing. Push the model again.`,
        {
          details: { key },
        },
      );
    if (object.size !== expected) {
      await object.body.cancel();
      throw new EngineError(
        'E_WEIGHTS_HASH',
        `storage: ${key}; expected ${expected} bytes, got ${object.size}. Push the model again.`,
        { details: { key, expected, got: object.size } },
      );
    }
    return new Uint8Array(await object.arrayBuffer());
  });
}

/** Ids of the models with a manifest, which is written last: only complete ones. */
export async function listModelIds(bucket: R2Bucket): Promise<string[]> {
  const ids: string[] = [];
  let cursor: string | undefined;
  do {
    const from = cursor;
    const page = await retryWeights('list of models', () =>
      bucket.list({
        prefix: MODELS_PREFIX,
        delimiter: '/',
        ...(from === undefined ? {} : { cursor: from }),
      }),
    );
    for (const prefix of page.delimitedPrefixes) ids.push(prefix.slice(MODELS_PREFIX.length, -1));
    cursor = page.truncated ? page.cursor : undefined;
  } while (cursor !== undefined && ids.length < MAX_LISTED_MODELS);
  const found = await Promise.all(
    ids.map(async (id) => {
      const head = await retryWeights(id, () => bucket.head(manifestKey(id)));
      return head === null ? [] : [id];
    }),
  );
  return found.flat().sort();
}
