/**
 * Where things lie on this machine: the repository, and the user's folders after the XDG base
 * directory specification. `THIMBLE_HOME` puts all of the user's folders under one.
 * Of what users make or download nothing is written into the repository; builds write `dist/`.
 */
import process from 'node:process';
import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

type Env = Readonly<Record<string, string | undefined>>;

/** The root of the repository or of the installed package: two folders above this file, or above its bundle. */
export const repoRoot = resolve(import.meta.dirname, '../..');

/** Whether this is the built package: it has bundles and no sources to build them from. */
export const isPackaged: boolean = !import.meta.filename.endsWith('.ts');

/** What `npm run build` writes: bundles, pages, kernels, stamps. */
export const distDir = join(repoRoot, 'dist');

/**
 * A decoder or runtime as WebAssembly: `builtWasm('ort', 'onnx', 'ort.wasm')`.
 * @param step the folder of dist/ that a step of the build writes it into
 * @param bundle the script that is bundled with a copy: the package has no other
 */
export function builtWasm(step: string, bundle: string, file: string): string {
  return join(distDir, isPackaged ? bundle : step, file);
}

/** What is built at use: a package's own folder may be read-only, and several projects may share it. */
export function workDir(): string {
  return isPackaged ? join(process.cwd(), '.thimble') : distDir;
}

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
