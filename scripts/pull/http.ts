/**
 * One file over HTTP into a `.part` file: resumed with Range where the last try stopped, short
 * timeouts, a few retries while bytes keep coming. pull.ts verifies and names the result.
 */
import { createWriteStream } from 'node:fs';
import { mkdir, rm, stat, readFile, writeFile } from 'node:fs/promises';
import { once } from 'node:events';
import { dirname } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import { asDiskError, requireFreeBytes } from '../lib/disk.ts';
import { formatSeconds } from '../lib/progress.ts';
import type { OnProgress } from '../lib/progress.ts';

export interface HttpOptions {
  readonly token?: string | null;
  /** Refuse a file of another size before its bytes are fetched. */
  readonly expectBytes?: number | null;
  readonly onProgress?: OnProgress;
  readonly signal?: AbortSignal;
  /** Time until the answer's headers arrive. */
  readonly connectTimeoutMs?: number;
  /** Longest pause within the answer. */
  readonly idleTimeoutMs?: number;
  readonly retryDelayMs?: number;
}

const CONNECT_TIMEOUT_MS = 6_000;
const IDLE_TIMEOUT_MS = 20_000;
const RETRY_DELAY_MS = 500;
/** Attempts in a row that bring almost nothing: a server that drips must not hold up the program forever. */
const MAX_FRUITLESS_TRIES = 3;
const FRUITFUL_BYTES = 64 * 1024;

interface Range {
  readonly startByte: number;
  readonly totalBytes: number | null;
}

/**
 * Leaves the whole file at `partPath`; what it already holds is kept and continued.
 * @throws {EngineError} E_SOURCE_UNAVAILABLE (nothing answers, or not with this file), E_DISK.
 */
export async function downloadHttp(
  url: string,
  partPath: string,
  options: HttpOptions = {},
): Promise<void> {
  await mkdir(dirname(partPath), { recursive: true });
  let fruitless = 0;
  let answered = false;
  for (;;) {
    const before = await partBytes(partPath);
    try {
      await downloadOnce(url, partPath, before, options, () => (answered = true));
      await rm(etagPath(partPath), { force: true });
      return;
    } catch (error) {
      const failed = asDiskError(error, partPath, 'pull');
      if (options.signal?.aborted || !isTransient(failed)) throw failed;
      const gainedBytes = (await partBytes(partPath)) - before;
      fruitless = gainedBytes >= FRUITFUL_BYTES ? 0 : fruitless + 1;
      // A host that did not answer at all will not do so half a second later either.
      if (!answered || fruitless >= MAX_FRUITLESS_TRIES) throw failed;
      await delay((options.retryDelayMs ?? RETRY_DELAY_MS) * 2 ** fruitless);
    }
  }
}

async function downloadOnce(
  url: string,
  partPath: string,
  haveBytes: number,
  options: HttpOptions,
  onAnswer: () => void,
): Promise<void> {
  const etag = haveBytes > 0 ? await readEtag(partPath) : null;
  const abort = new AbortController();
  const stop = () => abort.abort(options.signal?.reason);
  options.signal?.addEventListener('abort', stop, { once: true });
  const timer = new Watchdog(abort, url);
  try {
    timer.expectWithin(options.connectTimeoutMs ?? CONNECT_TIMEOUT_MS, 'no answer');
    const response = await fetch(url, {
      headers: requestHeaders(haveBytes, etag, options.token ?? null),
      signal: abort.signal,
    });
    const range = readRange(response, url, haveBytes);
    onAnswer();
    if (range === 'complete') return;
    checkSize(url, range, options.expectBytes ?? null);
    await rememberEtag(partPath, response);
    await writeBody(response, partPath, range, timer, options);
  } catch (error) {
    throw timer.firedError ?? asHttpError(error, url);
  } finally {
    timer.clear();
    options.signal?.removeEventListener('abort', stop);
  }
}

function requestHeaders(
  haveBytes: number,
  etag: string | null,
  token: string | null,
): Record<string, string> {
  return {
    'accept-encoding': 'identity',
    ...(haveBytes > 0 ? { range: `bytes=${haveBytes}-` } : {}),
    // A file that has changed since is sent whole, rather than its new end after the old beginning.
    ...(haveBytes > 0 && etag !== null ? { 'if-range': etag } : {}),
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
  };
}

/** Where in the file the answer's bytes belong; a server that ignored Range starts at 0 again. */
function readRange(response: Response, url: string, haveBytes: number): Range | 'complete' {
  const contentRange = response.headers.get('content-range') ?? '';
  if (response.status === 206) {
    const match = /^bytes (\d+)-\d+\/(\d+|\*)$/.exec(contentRange);
    if (match === null || Number(match[1]) !== haveBytes) {
      throw unavailable(url, `answered with the wrong range (${contentRange || 'none'})`, true);
    }
    return { startByte: haveBytes, totalBytes: match[2] === '*' ? null : Number(match[2]) };
  }
  if (response.status === 416 && contentRange === `bytes */${haveBytes}`) return 'complete';
  if (!response.ok) {
    void response.body?.cancel();
    const transient = response.status >= 500 || response.status === 429 || response.status === 416;
    throw unavailable(url, `HTTP ${response.status} ${response.statusText}`.trim(), transient);
  }
  const length = Number(response.headers.get('content-length') ?? Number.NaN);
  return { startByte: 0, totalBytes: Number.isSafeInteger(length) ? length : null };
}

function checkSize(url: string, range: Range, expectBytes: number | null): void {
  if (expectBytes === null || range.totalBytes === null || range.totalBytes === expectBytes) return;
  throw unavailable(
    url,
    `is another file; expected ${expectBytes} bytes, got ${range.totalBytes}`,
    false,
  );
}

async function writeBody(
  response: Response,
  partPath: string,
  range: Range,
  timer: Watchdog,
  options: HttpOptions,
): Promise<void> {
  const idleTimeoutMs = options.idleTimeoutMs ?? IDLE_TIMEOUT_MS;
  if (range.totalBytes !== null) {
    requireFreeBytes(dirname(partPath), range.totalBytes - range.startByte, 'pull');
  }
  const file = createWriteStream(partPath, { flags: range.startByte > 0 ? 'a' : 'w' });
  const broken = once(file, 'error').then(([error]) => Promise.reject(error as Error));
  broken.catch(() => undefined);
  try {
    let done = range.startByte;
    timer.expectWithin(idleTimeoutMs, 'stalled');
    for await (const chunk of (response.body ?? []) as AsyncIterable<Uint8Array>) {
      timer.expectWithin(idleTimeoutMs, 'stalled');
      done += chunk.byteLength;
      if (options.expectBytes != null && done > options.expectBytes) {
        throw unavailable(response.url, `sends more than ${options.expectBytes} bytes`, false);
      }
      if (!file.write(chunk)) await Promise.race([once(file, 'drain'), broken]);
      options.onProgress?.({
        done,
        total: range.totalBytes ?? options.expectBytes ?? null,
        unit: 'bytes',
      });
    }
    if (range.totalBytes !== null && done < range.totalBytes) {
      throw unavailable(response.url, `cut off at ${done} of ${range.totalBytes} bytes`, true);
    }
  } finally {
    // What has arrived is flushed even when the rest failed: the next attempt continues there.
    const closed = once(file, 'close');
    file.end();
    await Promise.race([closed, broken]);
  }
}

/** Aborts a fetch that brings nothing for too long, and remembers why. */
class Watchdog {
  firedError: EngineError | null = null;
  readonly #abort: AbortController;
  readonly #url: string;
  #timer: NodeJS.Timeout | undefined;

  constructor(abort: AbortController, url: string) {
    this.#abort = abort;
    this.#url = url;
  }

  expectWithin(ms: number, what: string): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => {
      this.firedError = unavailable(this.#url, `${what} for ${formatSeconds(ms / 1000)}`, true);
      this.#abort.abort(this.firedError);
    }, ms);
  }

  clear(): void {
    clearTimeout(this.#timer);
  }
}

function unavailable(url: string, what: string, transient: boolean): EngineError {
  return new EngineError('E_SOURCE_UNAVAILABLE', `${new URL(url).host}: ${what}`, {
    details: { url, transient },
  });
}

function isTransient(error: unknown): boolean {
  return error instanceof EngineError && error.details['transient'] === true;
}

/** Node's fetch hides the reason in `cause` (`TypeError: fetch failed`). */
function asHttpError(error: unknown, url: string): unknown {
  if (error instanceof EngineError || !(error instanceof Error)) return error;
  if ('code' in error && typeof error.code === 'string' && 'syscall' in error) {
    // Errors of the file on this disk, and not of the socket, carry a path.
    if ('path' in error || error.syscall === 'write') return error;
  }
  let inner: unknown = error;
  while (inner instanceof Error && inner.cause instanceof Error) inner = inner.cause;
  const reasons = inner instanceof AggregateError ? inner.errors : [inner];
  const text = reasons.map((r) => (r instanceof Error ? r.message || String(r) : String(r)));
  return new EngineError('E_SOURCE_UNAVAILABLE', `${new URL(url).host}: ${text.join('; ')}`, {
    details: { url, transient: true },
    cause: error,
  });
}

async function partBytes(partPath: string): Promise<number> {
  const info = await stat(partPath).catch(() => null);
  return info?.size ?? 0;
}

function etagPath(partPath: string): string {
  return `${partPath}.etag`;
}

async function readEtag(partPath: string): Promise<string | null> {
  return await readFile(etagPath(partPath), 'utf8').catch(() => null);
}

async function rememberEtag(partPath: string, response: Response): Promise<void> {
  const etag = response.headers.get('etag');
  // If-Range takes strong tags only (RFC 9110, 13.1.5).
  if (etag === null || etag.startsWith('W/')) await rm(etagPath(partPath), { force: true });
  else await writeFile(etagPath(partPath), etag);
}

function delay(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
