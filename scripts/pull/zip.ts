/** Files out of a zip archive (a Python wheel, a model's folder), with yauzl; archives are not trusted. */
import { createWriteStream } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import yauzl from 'yauzl';
import { EngineError } from '../../engine/base/errors.ts';
import { requireFreeBytes } from '../lib/disk.ts';
import type { OnProgress } from '../lib/progress.ts';
import { countBytes } from './count-bytes.ts';

/** More than any model file that eight isolates could hold. */
const MAX_ENTRY_BYTES = 64 * 1024 ** 3;

/**
 * Writes the entry `innerPath` of `zipPath` to `outPath`.
 * @throws {EngineError} E_SOURCE_UNAVAILABLE when it is missing or the archive is damaged.
 */
export async function extractZipEntry(
  zipPath: string,
  innerPath: string,
  outPath: string,
  onProgress?: OnProgress,
): Promise<void> {
  const zip = await openZip(zipPath);
  try {
    const entry = await findEntry(zip, zipPath, innerPath);
    if (entry.uncompressedSize > MAX_ENTRY_BYTES) {
      throw badArchive(zipPath, `${innerPath} claims ${entry.uncompressedSize} bytes`);
    }
    requireFreeBytes(outPath, entry.uncompressedSize, `unpack ${innerPath}`);
    const stream = await new Promise<NodeJS.ReadableStream>((resolve, reject) => {
      zip.openReadStream(entry, (error, opened) => {
        if (error !== null) reject(badArchive(zipPath, error.message));
        else resolve(opened);
      });
    });
    const counter = countBytes(entry.uncompressedSize, onProgress);
    await pipeline(stream, counter, createWriteStream(outPath));
  } finally {
    zip.close();
  }
}

function openZip(zipPath: string): Promise<yauzl.ZipFile> {
  return new Promise((resolve, reject) => {
    const options = { lazyEntries: true, autoClose: false, validateEntrySizes: true };
    yauzl.open(zipPath, options, (error, zip) => {
      if (error !== null) reject(badArchive(zipPath, error.message));
      else resolve(zip);
    });
  });
}

function findEntry(zip: yauzl.ZipFile, zipPath: string, innerPath: string): Promise<yauzl.Entry> {
  return new Promise((resolve, reject) => {
    const names: string[] = [];
    zip.on('entry', (entry: yauzl.Entry) => {
      if (entry.fileName === innerPath) {
        resolve(entry);
        return;
      }
      if (names.length < 5) names.push(entry.fileName);
      zip.readEntry();
    });
    zip.on('end', () => {
      reject(badArchive(zipPath, `holds no ${innerPath} (but ${names.join(', ')}...)`));
    });
    zip.on('error', (error: Error) => reject(badArchive(zipPath, error.message)));
    zip.readEntry();
  });
}

function badArchive(zipPath: string, what: string): EngineError {
  return new EngineError('E_SOURCE_UNAVAILABLE', `archive ${zipPath}: ${what}`, {
    details: { archive: zipPath },
  });
}

/** More files than any model folder has. */
const MAX_ENTRIES = 1000;

/**
 * Writes every file of `zipPath` below `folder`.
 * @throws {EngineError} E_SOURCE_UNAVAILABLE for a damaged archive, or one with names that lead out of the folder.
 */
export async function unpackZip(zipPath: string, folder: string): Promise<void> {
  for (const name of await listEntries(zipPath)) {
    const parts = name.split('/');
    const invalid = () =>
      badArchive(zipPath, `names an invalid path ${JSON.stringify(name).slice(0, 80)}`);
    if (!parts.every(isFileName)) throw invalid();
    const path = join(folder, ...parts);
    try {
      await mkdir(dirname(path), { recursive: true });
    } catch (cause) {
      // A file of the archive stands where another needs a folder.
      if (SAME_NAME.includes((cause as NodeJS.ErrnoException).code ?? '')) throw invalid();
      throw cause;
    }
    await extractZipEntry(zipPath, name, path);
  }
}

/** What the system says where a name is taken by a file. */
const SAME_NAME: readonly string[] = ['EEXIST', 'ENOTDIR'];
/** Bytes of a name on the usual file systems. */
const MAX_NAME_BYTES = 255;
/** What no part of a path may hold: NUL ends names in the system's calls. */
const NOT_IN_NAMES = /[\\\0]/;

function isFileName(part: string): boolean {
  if (part === '' || part === '.' || part === '..' || NOT_IN_NAMES.test(part)) return false;
  return new TextEncoder().encode(part).length <= MAX_NAME_BYTES;
}

/** Names of the files in an archive; folders have entries of their own, which are left out. */
async function listEntries(zipPath: string): Promise<string[]> {
  const zip = await openZip(zipPath);
  try {
    return await new Promise((resolve, reject) => {
      const names: string[] = [];
      zip.on('entry', ({ fileName }: yauzl.Entry) => {
        if (!fileName.endsWith('/')) names.push(fileName);
        if (names.length <= MAX_ENTRIES) zip.readEntry();
        else reject(badArchive(zipPath, `holds more than ${MAX_ENTRIES} files`));
      });
      zip.on('end', () => resolve(names));
      zip.on('error', (error: Error) => reject(badArchive(zipPath, error.message)));
      zip.readEntry();
    });
  } finally {
    zip.close();
  }
}
