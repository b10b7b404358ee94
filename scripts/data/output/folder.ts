/** A folder that is there whole or not at all: written under another name beside it, then renamed. */
import { createWriteStream } from 'node:fs';
import type { WriteStream } from 'node:fs';
import { mkdir, readdir, rename, rm, rmdir } from 'node:fs/promises';
import { once } from 'node:events';
import { finished } from 'node:stream/promises';
import { createHash } from 'node:crypto';
import { basename, dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { EngineError } from '../../../engine/base/errors.ts';
import { asDiskError, asOutputError } from '../../lib/disk.ts';
import { isErrno } from '../../lib/lock.ts';

/**
 * Runs `work` with an empty folder that becomes `out` after it; on an error, an interrupt too, nothing is left.
 * @throws {EngineError} E_USAGE for an `out` that has something in it, E_DISK
 */
export async function writeFolder<T>(
  out: string,
  work: (folder: string) => Promise<T>,
): Promise<T> {
  const target = resolve(out);
  await checkFree(target);
  await mkdir(dirname(target), { recursive: true }).catch((error: unknown) => {
    throw asOutputError(error, out, 'data');
  });
  const folder = join(dirname(target), `.${basename(target)}-partial-${process.pid}`);
  await mkdir(folder).catch((error: unknown) => {
    throw asOutputError(error, out, 'data');
  });
  try {
    const result = await work(folder);
    await rmdir(target).catch(() => undefined);
    await rename(folder, target);
    return result;
  } catch (error) {
    throw asDiskError(error, out, 'data');
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

/** @throws {EngineError} E_USAGE for a folder with something in it, or a file */
export async function checkFree(out: string): Promise<void> {
  const names = await readdir(out).catch((error: unknown): string[] => {
    if (isErrno(error, 'ENOENT')) return [];
    throw asOutputError(error, out, 'data');
  });
  if (names.length > 0)
    throw new EngineError(
      'E_USAGE',
      `data: --out: ${out} has files in it; expected a new or empty folder. Name another, or remove it.`,
    );
}

const ENCODER = new TextEncoder();

/** A JSONL file as it is written: its rows, bytes and SHA-256 so far. */
export class RowWriter {
  readonly #stream: WriteStream;
  readonly #hash = createHash('sha256');
  readonly #failed: Promise<never>;
  nRow = 0;
  nByte = 0;

  constructor(path: string) {
    this.#stream = createWriteStream(path, { flags: 'w' });
    this.#failed = once(this.#stream, 'error').then(([error]) => {
      throw error;
    });
    // Thrown where a row is written, or at the end.
    this.#failed.catch(() => undefined);
  }

  async write(fields: Readonly<Record<string, unknown>>): Promise<void> {
    const line = ENCODER.encode(`${JSON.stringify(fields)}\n`);
    this.#hash.update(line);
    this.nRow++;
    this.nByte += line.length;
    if (!this.#stream.write(line)) await Promise.race([once(this.#stream, 'drain'), this.#failed]);
  }

  /** Closes the file; its SHA-256. */
  async end(): Promise<string> {
    this.#stream.end();
    await finished(this.#stream);
    return this.#hash.digest('hex');
  }

  /** Closes a file that is not wanted any more. */
  async drop(): Promise<void> {
    this.#stream.destroy();
    await finished(this.#stream).catch(() => undefined);
  }
}
