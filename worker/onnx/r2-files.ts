/** An ONNX model's manifest and files in R2. */
import { EngineError } from '../../engine/base/errors.ts';
import { parseOnnxManifest } from '../../engine/formats/onnx-manifest.ts';
import type { OnnxManifest } from '../../engine/formats/onnx-manifest.ts';
import { modelKey, retryR2 } from '../model-files.ts';

const ID_PATTERN = /^[a-z0-9][a-z0-9._-]{0,63}$/;

/** @throws {EngineError} E_MODEL_NOT_FOUND, E_MANIFEST_INVALID, E_WEIGHTS_FETCH. */
export async function readOnnxManifest(
  bucket: R2Bucket,
  id: string,
  knownVersion?: string,
): Promise<{ manifest: OnnxManifest; version: string } | 'unchanged'> {
  if (!ID_PATTERN.test(id)) throw notFound(id);
  const key = modelKey(id, 'manifest.json');
  const only = knownVersion === undefined ? {} : { onlyIf: { etagDoesNotMatch: knownVersion } };
  return await retryR2(key, async () => {
    const object: R2ObjectBody | R2Object | null = await bucket.get(key, only);
    if (object === null) throw notFound(id);
    if (!('body' in object)) return 'unchanged';
    const json = parse(key, await object.text());
    if ((json as { kind?: unknown } | null)?.kind !== 'onnx') throw notFound(id);
    return { manifest: parseOnnxManifest(json), version: object.etag };
  });
}

function parse(key: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new EngineError('E_MANIFEST_INVALID', `${key}: not JSON. Push the model again.`, { cause });
  }
}

function notFound(id: string): EngineError {
  return new EngineError(
    'E_MODEL_NOT_FOUND',
    `model: no ONNX model ${JSON.stringify(id.slice(0, 100))}. Import and push it: thimble import FILE.onnx --id ID, thimble push ID.`,
    { param: 'model' },
  );
}

/** @throws {EngineError} E_WEIGHTS_FETCH naming the file, E_WEIGHTS_HASH for another length. */
export async function readOnnxFile(
  bucket: R2Bucket,
  { id, files }: OnnxManifest,
  file: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const key = modelKey(id, file);
  const expected = files.find((row) => row.file === file)?.bytes ?? 0;
  return await retryR2(key, async () => {
    const object = await bucket.get(key);
    if (object === null)
      throw new EngineError('E_WEIGHTS_FETCH', `storage: ${key} is missing. Push the model again.`, {
        details: { key },
      });
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
