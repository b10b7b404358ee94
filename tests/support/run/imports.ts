/**
 * Models imported once for all test files of a run. What is imported is named by the files it comes from (their
 * paths, sizes and times), the id and the preset. Nobody changes what lies here.
 */
import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { importModel } from '../../../scripts/import/import-model.ts';
import { catalogueRequest, importInput } from '../../../scripts/import/importers.ts';
import { withLock } from '../../../scripts/lib/lock.ts';
import { repoRoot } from '../../../scripts/lib/paths.ts';
import { importEmbedded } from '../../../scripts/dev/embedded.ts';
import { findCatalogueEntry, MINI_MODEL_ID } from '../../../scripts/pull/catalogue.ts';
import { TINY_ENCODER_ID, writeTinyEncoder } from '../encoders.ts';
import { requireModelFile } from '../needs.ts';

export const STORIES_ID = 'stories260k';
export const STORIES_FILE = join(repoRoot, 'assets/stories260k/stories260K.bin');

/** How long a second worker waits for the first one's import. */
const LOCK_WAIT_MS = 110_000;

export interface ImportRequest {
  readonly input: string;
  readonly id: string;
  readonly preset?: string;
}

/** The folder of models that holds the imported `id`; made by the first who asks. */
export async function importOnce(
  runFolder: string,
  { input, id, preset = 'lossless' }: ImportRequest,
): Promise<string> {
  return await makeOnce(runFolder, 'imports', [await facts(input), id, preset], (outRoot) =>
    importModel({ input, id, preset, outRoot }),
  );
}

/** What changes when the file, or one in the folder, does. */
async function facts(input: string): Promise<unknown[]> {
  const names = (await stat(input)).isDirectory() ? await readdir(input, { recursive: true }) : [];
  const paths = [input, ...names.sort().map((name) => join(input, name))];
  return await Promise.all(
    paths.map(async (path) => {
      const { size, mtimeMs } = await stat(path);
      return [path, size, mtimeMs];
    }),
  );
}

/** The same for models by name: stories260K, a tiny random encoder, and those of the catalogue. */
export async function importByIdOnce(runFolder: string, id: string): Promise<string> {
  if (id === STORIES_ID) return await importOnce(runFolder, { input: STORIES_FILE, id });
  if (id === MINI_MODEL_ID)
    return await makeOnce(runFolder, 'imports', [id], (outRoot) => importEmbedded(id, outRoot));
  if (id === TINY_ENCODER_ID)
    return await makeOnce(runFolder, 'imports', [id], async (outRoot) => {
      const input = join(outRoot, '.source');
      await writeTinyEncoder(input);
      await importModel({ input, id, outRoot });
    });
  const input = requireModelFile(id);
  const request = catalogueRequest(findCatalogueEntry(id));
  return await makeOnce(runFolder, 'imports', [input, request], (outRoot) =>
    importInput({ ...request, input, id, outRoot }),
  );
}

/** The folder `<run>/<kind>/<hash of the key>`, which `make` fills once, whoever asks. */
export async function makeOnce(
  runFolder: string,
  kind: string,
  key: readonly unknown[],
  make: (folder: string) => Promise<unknown>,
): Promise<string> {
  const hash = createHash('sha256').update(JSON.stringify(key)).digest('hex').slice(0, 16);
  const folder = join(runFolder, kind, hash);
  if (existsSync(folder)) return folder;
  const work = async () => {
    if (existsSync(folder)) return;
    const partial = `${folder}.partial`;
    await mkdir(partial, { recursive: true });
    await make(partial);
    await rename(partial, folder);
  };
  await withLock(`${folder}.lock`, work, LOCK_WAIT_MS);
  return folder;
}
