/** Names in archives: what no file system takes is refused with a code. */
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { unpackZip } from '../../../scripts/pull/zip.ts';
import { writeZip } from '../../support/archives.ts';

let folder = '';
beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), 'thimble-zip-'))));
afterEach(() => rm(folder, { recursive: true, force: true }));

async function unpack(names: readonly string[]): Promise<string> {
  const path = join(folder, 'a.zip');
  const bytes = new TextEncoder().encode('x');
  await writeFile(path, writeZip(names.map((name) => ({ name, bytes }))));
  const out = join(folder, 'out');
  await unpackZip(path, out);
  return out;
}

test('a name of 255 bytes is taken', async () => {
  const name = 'a'.repeat(255);
  const out = await unpack([`deep/${name}`]);
  expect(await readFile(join(out, 'deep', name), 'utf8')).toBe('x');
});

test.each([
  ['a NUL', ['a\0b']],
  ['a NUL in a folder', ['a\0/b']],
  ['a byte too many', ['a'.repeat(256)]],
  ['letters of several bytes', ['\u00e9'.repeat(128)]],
  ['a file where a folder is needed', ['a', 'a/b']],
])('%s is refused', async (_, names) => {
  await expect(unpack(names)).rejects.toMatchObject({ code: 'E_SOURCE_UNAVAILABLE' });
});
