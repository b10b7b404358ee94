/** An ONNX model's manifest and files in R2. */
import { EngineError } from '../../engine/base/errors.ts';
import { requireKind } from '../../engine/formats/manifest.ts';
import type { OnnxManifest } from '../../engine/formats/manifest.ts';
import { modelKey, readManifest, retryR2 } from '../model-files.ts';

/** @throws {EngineError} E_MODEL_NOT_FOUND, E_MODEL_KIND, E_MANIFEST_INVALID, E_WEIGHTS_FETCH. */
export async function readOnnxManifest(
  bucket: R2Bucket,
  id: string,
  knownVersion?: string,
): Promise<{ manifest: OnnxManifest; version: string } | 'unchanged'> {
  const stored = await readManifest(bucket, id, knownVersion);
  if (stored === null) throw notFound(id);
  if (stored === 'unchanged') return stored;
  return { manifest: requireKind(stored.manifest, 'onnx'), version: stored.version };
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
