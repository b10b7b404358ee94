/**
 * Where things lie on this machine: the repository, and the user's folders after the XDG base
 * directory specification. `THIMBLE_HOME` puts all of the user's folders under one.
 * Of what users make or download nothing is written into the repository; builds write `dist/`.
 */
import process from 'node:process';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

type Env = Readonly<Record<string, string | undefined>>;

/** The repository's root: two folders above this file. */
export const repoRoot = resolve(import.meta.dirname, '../..');

/** What `npm run build` writes: bundles, pages, kernels, stamps. */
export const distDir = join(repoRoot, 'dist');

/** Pulled files as their sources give them. */
export function cacheDir(env: Env = process.env): string {
  return userDir(env, 'cache', env['XDG_CACHE_HOME'], ['.cache']);
}

/** What cannot be downloaded again: imported models and the state of the local server. */
export function dataDir(env: Env = process.env): string {
  return userDir(env, 'data', env['XDG_DATA_HOME'], ['.local', 'share']);
}

/** Imported models: `<modelsDir>/<id>/manifest.json` and shards. */
export function modelsDir(env: Env = process.env): string {
  return join(dataDir(env), 'models');
}

/** Local R2 objects and Durable Objects of the development server. */
export function stateDir(env: Env = process.env): string {
  return join(dataDir(env), 'state');
}

function userDir(env: Env, under: string, xdg: string | undefined, fallback: string[]): string {
  const home = env['THIMBLE_HOME'];
  if (home !== undefined && home !== '') return join(home, under);
  if (xdg !== undefined && xdg.startsWith('/')) return join(xdg, 'thimble');
  return join(homedir(), ...fallback, 'thimble');
}
