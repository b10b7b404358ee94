/**
 * The folder of a model: made beside its place as `<id>.partial/` and renamed at the end, by one import at a
 * time. A folder named by an id is whole.
 */
import { mkdir, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { EngineError } from '../../../engine/base/errors.ts';
import { MODEL_ID_PATTERN } from '../../../engine/manifest/manifest.ts';
import type { Manifest, ModelFile } from '../../../engine/manifest/manifest.ts';
import { MANIFEST_VERSION } from '../../../engine/manifest/about.ts';
import { asDiskError } from '../../lib/disk.ts';
import { hashBytes } from '../../lib/hash-file.ts';
import { withLock } from '../../lib/lock.ts';
import type { ModelAbout } from './describe-model.ts';

/** Endings that ids may not have: folders of unfinished and of replaced imports. */
const RESERVED_ENDINGS = ['.partial', '.old'];

export interface ModelPlace {
  readonly id: string;
  readonly outRoot: string;
  /** Replace a model of this id. */
  readonly force?: boolean;
}

/**
 * Runs `write`, which fills the folder of a model.
 * @throws {EngineError} E_USAGE for an id that is invalid or taken; E_BUSY; E_DISK.
 */
export async function importInto<T>(
  { id, outRoot, force = false }: ModelPlace,
  write: (folder: string) => Promise<T>,
): Promise<T> {
  requireId(id);
  const folder = join(outRoot, id);
  try {
    await mkdir(outRoot, { recursive: true });
    // Beside the folders, so that it is not renamed with them.
    return await withLock(join(outRoot, `.${id}.lock`), async () => {
      await requireFree(id, folder, force);
      return await write(folder);
    });
  } catch (error) {
    throw asDiskError(error, outRoot, `import of ${id}`);
  }
}

function requireId(id: string): void {
  if (MODEL_ID_PATTERN.test(id) && !RESERVED_ENDINGS.some((ending) => id.endsWith(ending))) return;
  throw new EngineError(
    'E_USAGE',
    `import: id '${id}'; expected lower-case letters, digits, dots and dashes, at most 64. Choose another --id.`,
  );
}

async function requireFree(id: string, folder: string, force: boolean): Promise<void> {
  if (force || !(await exists(folder))) return;
  throw new EngineError(
    'E_USAGE',
    `import: model ${id} exists already. Use --force to replace it.`,
  );
}

export async function replaceFolder(partial: string, folder: string): Promise<void> {
  const old = `${folder}.old`;
  await rm(old, { recursive: true, force: true });
  if (await exists(folder)) await rename(folder, old);
  await rename(partial, folder);
  await rm(old, { recursive: true, force: true });
}

async function exists(path: string): Promise<boolean> {
  return readdir(path).then(
    () => true,
    () => false,
  );
}

/** A folder whose files are written anew by each import. */
export class PartialFolder {
  readonly path: string;
  readonly files: ModelFile[] = [];
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
    this.path = `${folder}.partial`;
  }

  static async open(folder: string): Promise<PartialFolder> {
    const partial = new PartialFolder(folder);
    await rm(partial.path, { recursive: true, force: true });
    await mkdir(partial.path, { recursive: true });
    return partial;
  }

  async put(file: string, bytes: Uint8Array): Promise<void> {
    await writeFile(join(this.path, file), bytes, { flush: true });
    this.files.push({ file, bytes: bytes.length, sha256: hashBytes(bytes) });
  }

  /** Writes the manifest last and renames the folder to its final name. */
  async finish(manifest: Manifest): Promise<void> {
    const text = `${JSON.stringify(manifest)}\n`;
    await writeFile(join(this.path, 'manifest.json'), text, { flush: true });
    await replaceFolder(this.path, this.#folder);
  }
}

/** What a manifest says of a model whose file has no metadata. */
export function aboutFile(id: string, input: string, sourceSha256: string, about: ModelAbout = {}) {
  return {
    formatVersion: MANIFEST_VERSION,
    id,
    name: about.name ?? basename(input),
    createdAt: new Date().toISOString(),
    licence: about.licence ?? '',
    source: about.source ?? `file:${basename(input)}`,
    sourceSha256,
    card: about.card ?? '',
  } as const;
}
