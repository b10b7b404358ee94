/**
 * A model's files in the R2 bucket: their keys, and how its manifest is read. Shared by the
 * gateway (tokenizer) and the stage (weights).
 */
import { EngineError } from '../../engine/base/errors.ts';
import { type Manifest, MODEL_ID_PATTERN, parseManifest } from '../../engine/manifest/manifest.ts';
import type { ModelFile } from '../../engine/manifest/manifest.ts';
import { retryStorage } from './storage/retry-storage.ts';

/** How long a client should wait before asking again for a model that could not be read. */
const R2_RETRY_AFTER_S = 5;

const MODELS_PREFIX = 'models/';
const MAX_LISTED_MODELS = 1000;

export interface StoredManifest {
  readonly manifest: Manifest;
  /** Changes whenever the model is pushed again. */
  readonly version: string;
}

export function modelKey(modelId: string, file: string): string {
  return `${MODELS_PREFIX}${modelId}/${file}`;
}

/** Runs an operation on a model's files and retries it. @throws {EngineError} E_WEIGHTS_FETCH */
export async function retryWeights<T>(what: string, run: () => Promise<T>): Promise<T> {
  return await retryStorage(what, run, { code: 'E_WEIGHTS_FETCH', retryAfterS: R2_RETRY_AFTER_S });
}

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
  const key = modelKey(modelId, 'manifest.json');
  const only = knownVersion === undefined ? {} : { onlyIf: { etagDoesNotMatch: knownVersion } };
  return await retryWeights(key, async () => {
    const object: R2ObjectBody | R2Object | null = await bucket.get(key, only);
    if (object === null) return null;
    if (!('body' in object)) return 'unchanged';
    return { manifest: parseManifest(parseJson(key, await object.text())), version: object.etag };
  });
}

/** A version of a model that is placed; null when it is not in the bucket. */
export async function readVersion(
  bucket: R2Bucket,
  modelId: string,
  version: string,
): Promise<StoredManifest | null> {
  const stored = await readManifest(bucket, modelId);
  return stored === null || stored === 'unchanged' ? null : { ...stored, version };
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
  { file, bytes: expected }: Pick<ModelFile, 'file' | 'bytes'>,
): Promise<Uint8Array<ArrayBuffer>> {
  const key = modelKey(modelId, file);
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
      const head = await retryWeights(id, () => bucket.head(modelKey(id, 'manifest.json')));
      return head === null ? [] : [id];
    }),
  );
  return found.flat().sort();
}
