/**
 * A project of one's own that mounts the gateway in a Worker: a folder whose package.json says
 * `"thimble": { "worker": "wrangler.toml", "mount": "/" }`, as `thimble init` writes it. `thimble dev` and `deploy` in that folder
 * take its Worker as the gateway script.
 */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { EngineError } from '../../engine/base/errors.ts';
import { isPackaged } from './paths.ts';

export interface Project {
  /** Its folder. */
  readonly root: string;
  /** Path of its wrangler.toml. */
  readonly config: string;
  /** Path of the module that the Worker starts from. */
  readonly entry: string;
  /** Where it mounts Thimble: `/ai`; empty at the root. */
  readonly mount: string;
}

const MAIN = /^main = "([^"]+)"$/m;

/** The project that the program runs in; a clone is none. @throws {EngineError} as `readProject` */
export function findProject(): Project | null {
  return isPackaged ? readProject(process.cwd()) : null;
}

/** The project in `folder`; null where there is none. @throws {EngineError} E_USAGE naming the file that is wrong */
export function readProject(folder: string): Project | null {
  const path = join(folder, 'package.json');
  if (!existsSync(path)) return null;
  const { worker, mount = '/' } = fieldsOf(path);
  if (worker === undefined) return null;
  if (typeof mount !== 'string' || !mount.startsWith('/'))
    throw wrong(path, `thimble.mount; expected a path such as "/ai", got ${JSON.stringify(mount)}`);
  if (typeof worker !== 'string')
    throw wrong(
      path,
      `thimble.worker; expected the path of a wrangler.toml, got ${JSON.stringify(worker)}`,
    );
  const config = resolve(folder, worker);
  if (!existsSync(config)) throw wrong(path, `thimble.worker; there is no file ${config}`);
  const [, main] = MAIN.exec(readFileSync(config, 'utf8')) ?? [];
  if (main === undefined)
    throw wrong(config, 'main; expected a line such as main = "src/index.ts"');
  const entry = resolve(dirname(config), main);
  if (!existsSync(entry)) throw wrong(config, `main; there is no file ${entry}`);
  return { root: folder, config, entry, mount: mount.replace(/\/+$/, '') };
}

interface ProjectFields {
  readonly worker?: unknown;
  readonly mount?: unknown;
}

function fieldsOf(path: string): ProjectFields {
  try {
    return (JSON.parse(readFileSync(path, 'utf8')) as { thimble?: ProjectFields }).thimble ?? {};
  } catch (cause) {
    throw wrong(path, `not JSON (${String(cause)})`);
  }
}

function wrong(path: string, what: string): EngineError {
  return new EngineError('E_USAGE', `project: ${path}: ${what}.`);
}
