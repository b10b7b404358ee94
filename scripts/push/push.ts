/**
 * Copies an imported model into a bucket: shards and tokenizer first, manifest.json last, so that a
 * push that is cut off never leaves a model that is listed but incomplete. Keys name contents, so that
 * the version that is being served stays whole; it is kept until the next push after this one.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { EngineError } from '../../engine/base/errors.ts';
import { modelFiles, parseManifest } from '../../engine/manifest/manifest.ts';
import type { Manifest, ModelFile } from '../../engine/manifest/manifest.ts';
import { hashBytes } from '../lib/hash-file.ts';
import { modelsDir } from '../lib/paths.ts';
import type { OnProgress } from '../lib/progress.ts';
import { manifestKey, modelKey, versionKey, versionOf } from '../../worker/platform/model-keys.ts';
import { CATALOGUE } from '../pull/catalogue.ts';
import { keysOfAdapters } from './adapters.ts';
import type { Bucket } from './bucket.ts';
import { readPlacementOrEmpty } from './place.ts';

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
  const oldText = await bucket.getText(manifestKey(id));
  const there = knownKeys(id, oldText);
  const missing: ModelFile[] = [];
  for (const piece of pieces) {
    if (!(await isThere(bucket, id, piece, there))) missing.push(piece);
  }
  const nSkipped = pieces.length - missing.length;
  if (missing.length === 0 && oldText === text) return { id, pushedBytes: 0, totalBytes, nSkipped };
  let pushedBytes = 0;
  const skippedBytes = totalBytes - missing.reduce((sum, { bytes }) => sum + bytes, 0);
  for (const piece of missing) {
    const bytes = await readPiece(dir, piece);
    await bucket.put(modelKey(id, piece), bytes, piece.sha256);
    pushedBytes += piece.bytes;
    options.onProgress?.({ done: skippedBytes + pushedBytes, total: totalBytes, unit: 'bytes' });
  }
  await publish(bucket, id, { text, oldText });
  return { id, pushedBytes, totalBytes, nSkipped };
}

/** Ids of models that a model cannot do its work without: the tower that it sees through. */
export function companionsOf(manifest: Manifest): string[] {
  return manifest.kind === 'decoder' && manifest.sight !== undefined ? [manifest.sight.tower] : [];
}

/** Versions whose files are kept beside those that are placed: the one that was pushed last, and the one before it. */
const KEPT_VERSIONS = 2;

/** Makes a manifest whose files are in the bucket the one that is served, then drops what is too old. */
async function publish(
  bucket: Bucket,
  id: string,
  { text, oldText }: { readonly text: string; readonly oldText: string | null },
): Promise<void> {
  const put = async (key: string, content: string): Promise<void> => {
    const bytes = new TextEncoder().encode(content);
    await bucket.put(key, bytes, hashBytes(bytes));
  };
  const version = versionOfText(text);
  const before = oldText === null ? [] : [versionOfText(oldText)];
  const versions = [...new Set([version, ...before, ...(await readVersions(bucket, id))])];
  await put(versionKey(id, version), text);
  // All of them first: a push that is cut off must not forget one whose files are still there.
  await put(versionListKey(id), JSON.stringify({ versions }));
  await put(manifestKey(id), text);
  const newest = versions.slice(0, KEPT_VERSIONS);
  // Of several canaries in a row, what answers beside them is older than the two newest.
  const { models } = await readPlacementOrEmpty(bucket);
  const isInUse = (old: string) => models.some((model) => model.id === id && model.version === old);
  const kept = versions.filter((one) => newest.includes(one) || isInUse(one));
  const old = versions.filter((one) => !kept.includes(one));
  if (old.length === 0) return;
  await deleteVersions(bucket, id, old, kept);
  await put(versionListKey(id), JSON.stringify({ versions: kept }));
}

/** Deletes the files that only versions of `old` have. */
async function deleteVersions(
  bucket: Bucket,
  id: string,
  old: readonly string[],
  kept: readonly string[],
): Promise<void> {
  const keysOf = async (versions: readonly string[]): Promise<Set<string>> => {
    const keys = new Set<string>();
    for (const version of versions) {
      const text = await bucket.getText(versionKey(id, version));
      for (const key of knownKeys(id, text).keys()) keys.add(key);
    }
    return keys;
  };
  const inUse = await keysOf(kept);
  for (const key of await keysOf(old)) if (!inUse.has(key)) await bucket.delete(key);
  for (const version of old) await bucket.delete(versionKey(id, version));
}

/** Keys of all that a bucket has of a model, by what is written there: buckets need not be able to list. */
export async function keysOfModel(bucket: Bucket, id: string): Promise<Set<string>> {
  const current = await bucket.getText(manifestKey(id));
  const versions = await readVersions(bucket, id);
  const keys = new Set(knownKeys(id, current).keys());
  for (const version of versions) {
    const key = versionKey(id, version);
    for (const file of knownKeys(id, await bucket.getText(key)).keys()) keys.add(file);
    keys.add(key);
  }
  for (const key of await keysOfAdapters(bucket, id)) keys.add(key);
  if (versions.length > 0) keys.add(versionListKey(id));
  if (current !== null) keys.add(manifestKey(id));
  return keys;
}

/** Names the versions in the bucket, the newest first: buckets need not be able to list. */
function versionListKey(id: string): string {
  return versionKey(id, 'list');
}

const versionList = z.object({ versions: z.array(z.string().regex(/^[0-9a-f]{16}$/)).max(100) });

async function readVersions(bucket: Bucket, id: string): Promise<string[]> {
  const text = await bucket.getText(versionListKey(id));
  if (text === null) return [];
  try {
    return versionList.parse(JSON.parse(text)).versions;
  } catch {
    // A list that was damaged is written anew.
    return [];
  }
}

function versionOfText(text: string): string {
  return versionOf(hashBytes(new TextEncoder().encode(text)));
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
      `model ${id}: not imported (no ${path}). ${adviceFor(id)}`,
      { details: { id, path }, cause },
    );
  });
  return { text, manifest: parseManifest(JSON.parse(text)) };
}

/** What brings a model here: the catalogue's are fetched, others come from a file. */
function adviceFor(id: string): string {
  const entry = CATALOGUE.find((row) => row.id === id);
  if (entry === undefined)
    return `The catalogue has no model of this name, so that "thimble pull ${id}" would fetch nothing. Names: \`thimble pull --list\`; a file of your own: \`thimble import FILE --id NAME\``;
  if (entry.preset === null) return `Models of its kind (${entry.task}) cannot be served yet`;
  return `Run: \`thimble import ${id}\`, which fetches it as well`;
}

/** Keys of a manifest's files with their hashes; none of a manifest that cannot be read. */
function knownKeys(id: string, manifestText: string | null): Map<string, string> {
  if (manifestText === null) return new Map();
  try {
    const files = modelFiles(parseManifest(JSON.parse(manifestText)));
    return new Map(files.map((file) => [modelKey(id, file), file.sha256]));
  } catch {
    // An older format: push everything again.
    return new Map();
  }
}

/** Buckets without `head` are believed by the manifest that is served. */
async function isThere(
  bucket: Bucket,
  id: string,
  piece: ModelFile,
  known: ReadonlyMap<string, string>,
): Promise<boolean> {
  const key = modelKey(id, piece);
  if (bucket.head === null) return known.get(key) === piece.sha256;
  const info = await bucket.head(key);
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
