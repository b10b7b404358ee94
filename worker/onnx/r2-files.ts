/** An ONNX model's manifest and files in R2. */
import { EngineError } from '../../engine/base/errors.ts';
import { requireKind } from '../../engine/manifest/manifest.ts';
import type { OnnxManifest } from '../../engine/manifest/manifest.ts';
import { readManifest, readModelFile } from '../platform/model-files.ts';

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

/** @throws {EngineError} E_WEIGHTS_FETCH naming the file, E_WEIGHTS_HASH for a wrong length. */
export async function readOnnxFile(
  bucket: R2Bucket,
  { id, files }: OnnxManifest,
  file: string,
): Promise<Uint8Array<ArrayBuffer>> {
  const row = files.find((candidate) => candidate.file === file);
  return await readModelFile(bucket, id, row ?? { file, bytes: 0, sha256: '' });
}
