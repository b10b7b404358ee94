/**
 * Before any test: kernels and bundles are built, and the real model's file, when it was pulled, is
 * named in THIMBLE_TEST_GGUF. Nothing is downloaded here: `npm test` does that, with progress.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { build } from '../scripts/build/build.ts';
import { cacheDir } from '../scripts/lib/paths.ts';
import { DEFAULT_MODEL_ID, findCatalogueEntry } from '../scripts/pull/catalogue.ts';

export default async function setup(): Promise<void> {
  await build();
  const [file] = findCatalogueEntry(DEFAULT_MODEL_ID).files;
  const path = join(cacheDir(), 'models', DEFAULT_MODEL_ID, file.name);
  if (process.env['THIMBLE_TEST_GGUF'] === undefined && existsSync(path)) {
    process.env['THIMBLE_TEST_GGUF'] = path;
  }
}
