/**
 * Copies an imported model into a bucket: shards and tokenizer first, manifest.json last, so that a
 * push that is cut off never leaves a model that is listed but incomplete.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import { modelFiles, parseManifest } from '../../engine/manifest/manifest.ts';
import type { Manifest, ModelFile } from '../../engine/manifest/manifest.ts';
import { hashBytes } from '../lib/hash-file.ts';
import { modelsDir } from '../lib/paths.ts';
import type { OnProgress } from '../lib/progress.ts';
import { modelKey } from './bucket.ts';
import type { Bucket } from './bucket.ts';

export interface PushOptions {
  readonly bucket: Bucket;
  /** Instead of the user's models folder. */
  readonly modelsRoot?: string;
  readonly onProgress?: OnProgress;
}

export interface PushResult {
  readonly id: string;
  readonly pushedBytes: number;
  readonly totalBytes: number;
  /** Objects that were already there. */
  readonly nSkipped: number;
}

/**
 * @throws {EngineError} E_MODEL_NOT_FOUND (not imported), E_WEIGHTS_HASH (a file is damaged on this
 * disk), E_DISK, E_BACKEND_UNAVAILABLE.
 */
export async function pushModel(id: string, options: PushOptions): Promise<PushResult> {
  const dir = join(options.modelsRoot ?? modelsDir(), id);
  const { text, manifest } = await readImported(dir, id);
  const { bucket } = options;
  const pieces: ModelFile[] = modelFiles(manifest);
  const totalBytes = pieces.reduce((sum, { bytes }) => sum + bytes, 0);
  const manifestKey = modelKey(id, 'manifest.json');
  const oldText = await bucket.getText(manifestKey);
  const there = knownPieces(oldText);
  const missing: ModelFile[] = [];
  for (const piece of pieces) {
    if (!(await isThere(bucket, id, piece, there))) missing.push(piece);
  }
  if (missing.length === 0 && oldText === text) {
    return { id, pushedBytes: 0, totalBytes, nSkipped: pieces.length };
  }
  // The old manifest would list a model whose shards are about to change.
  if (oldText !== null && missing.length > 0) await bucket.delete(manifestKey);
  let pushedBytes = 0;
  const skippedBytes = totalBytes - missing.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const piece of missing) {
    const bytes = await readPiece(dir, piece);
    await bucket.put(modelKey(id, piece.file), bytes, piece.sha256);
    pushedBytes += piece.bytes;
    options.onProgress?.({ done: skippedBytes + pushedBytes, total: totalBytes, unit: 'bytes' });
  }
  const manifestBytes = new TextEncoder().encode(text);
  await bucket.put(manifestKey, manifestBytes, hashBytes(manifestBytes));
  return { id, pushedBytes, totalBytes, nSkipped: pieces.length - missing.length };
}

/** The manifest of an imported model, and its exact text. */
export async function readImported(
  dir: string,
  id: string,
): Promise<{ text: string; manifest: Manifest }> {
  const path = join(dir, 'manifest.json');
  const text = await readFile(path, 'utf8').catch((cause: unknown) => {
    throw new EngineError(
      'E_MODEL_NOT_FOUND',
      `model ${id}: not imported (no ${path}). Run: thimble pull ${id} && thimble import ${id}, or import a file: thimble import FILE --id ${id}`,
      { details: { id, path }, cause },
    );
  });
  return { text, manifest: parseManifest(JSON.parse(text)) };
}

/** What is in the bucket according to its own manifest, for buckets without `head`. */
function knownPieces(manifestText: string | null): Map<string, string> {
  if (manifestText === null) return new Map();
  try {
    const files = modelFiles(parseManifest(JSON.parse(manifestText)));
    return new Map(files.map(({ file, sha256 }) => [file, sha256]));
  } catch {
    // An older format: push everything again.
    return new Map();
  }
}

async function isThere(
  bucket: Bucket,
  id: string,
  piece: ModelFile,
  known: ReadonlyMap<string, string>,
): Promise<boolean> {
  if (bucket.head === null) return known.get(piece.file) === piece.sha256;
  const info = await bucket.head(modelKey(id, piece.file));
  return info !== null && info.bytes === piece.bytes && info.sha256 === piece.sha256;
}

async function readPiece(dir: string, piece: ModelFile): Promise<Uint8Array> {
  const path = join(dir, piece.file);
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw damaged(path, 'is missing', cause);
  });
  if (bytes.byteLength !== piece.bytes) {
    throw damaged(path, `expected ${piece.bytes} bytes, got ${bytes.byteLength}`);
  }
  const sha256 = hashBytes(bytes);
  if (sha256 !== piece.sha256) {
    throw damaged(path, `expected SHA-256 ${piece.sha256}, got ${sha256}`);
  }
  return bytes;
}

function damaged(path: string, what: string, cause?: unknown): EngineError {
  return new EngineError('E_WEIGHTS_HASH', `${path}: ${what}. Import the model again.`, {
    details: { path },
    cause,
  });
}
