/** How a project names this package: the version, or the file that it was installed from. */
import { existsSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { isPackaged, repoRoot } from '../lib/paths.ts';

interface HiddenLock {
  readonly packages?: Readonly<Record<string, { readonly resolved?: string }>>;
}

/** @param root the project's folder, from which a path is relative */
export function packageSpec(root: string, packageRoot: string = repoRoot): string {
  const { version } = readJson<{ version: string }>(join(packageRoot, 'package.json'));
  // A clone is linked to.
  if (!isPackaged && packageRoot === repoRoot) return fileSpec(root, packageRoot);
  const file = installedFrom(packageRoot);
  return file === null ? version : fileSpec(root, file);
}

/** The file that npm installed the package from, as its own lockfile in node_modules has it; null for a registry. */
function installedFrom(packageRoot: string): string | null {
  const modules = dirname(packageRoot);
  const path = join(modules, '.package-lock.json');
  if (!existsSync(path)) return null;
  const { packages = {} } = readJson<HiddenLock>(path);
  const { resolved = '' } = packages[`node_modules/${basename(packageRoot)}`] ?? {};
  if (!resolved.startsWith('file:')) return null;
  const file = resolve(dirname(modules), resolved.slice('file:'.length));
  return existsSync(file) ? file : null;
}

function fileSpec(root: string, path: string): string {
  const from = relative(root, path);
  return `file:${from.startsWith('.') ? from : `./${from}`}`;
}

function readJson<T>(path: string): T {
  return JSON.parse(readFileSync(path, 'utf8')) as T;
}
