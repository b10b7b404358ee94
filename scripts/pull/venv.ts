/**
 * A Python environment with pinned packages, made once for each content of its requirements file. It lies in the
 * cache: it can be made again at any time.
 */
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import process from 'node:process';
import { EngineError } from '../../engine/base/errors.ts';
import { failureReason, runTool } from '../lib/exec.ts';
import { withLock } from '../lib/lock.ts';
import { cacheDir } from '../lib/paths.ts';
import type { OnProgress } from '../lib/progress.ts';

export interface VenvOptions {
  /** Folder of all environments; that of the cache unless set. */
  readonly root?: string;
  readonly onProgress?: OnProgress;
}

/** The oldest Python that all pinned clients run on. */
const MIN_PYTHON = [3, 10] as const;
const LOCK_WAIT_MS = 600_000;
/** Few enough that an interruption loses little, and enough that starting pip does not count. */
const PACKAGES_PER_RUN = 20;

/** The Python of the environment, or null when it is not installed (completely) or the Python it was made with is gone. */
export function findVenv(requirements: string, options: VenvOptions = {}): string | null {
  const folder = folderOf(requirements, options);
  const python = pythonOf(folder);
  return existsSync(stampOf(folder)) && existsSync(python) ? python : null;
}

/**
 * Installs what `requirements` (the path of a file with versions and hashes) lists, unless it is there, and returns
 * the environment's Python. After an interruption the same call goes on: packages that are installed are kept.
 * @throws {EngineError} E_SOURCE_UNAVAILABLE without Python >= 3.10 with venv, or with pip's own reason.
 */
export async function installVenv(
  requirements: string,
  options: VenvOptions = {},
): Promise<string> {
  const folder = folderOf(requirements, options);
  await mkdir(dirname(folder), { recursive: true });
  return await withLock(
    `${folder}.lock`,
    async () => {
      const found = findVenv(requirements, options);
      if (found !== null) return found;
      // Complete, but without its Python: it cannot be mended.
      if (existsSync(stampOf(folder))) await rm(folder, { recursive: true });
      await run(await findPython(), ['-m', 'venv', folder]);
      await installPackages(folder, requirements, options.onProgress);
      await writeFile(stampOf(folder), '');
      return pythonOf(folder);
    },
    LOCK_WAIT_MS,
  );
}

/**
 * The command of a Python that can make environments.
 * @throws {EngineError} E_SOURCE_UNAVAILABLE when there is none.
 */
export async function findPython(): Promise<string> {
  const code = 'import sys, venv, ensurepip; print(*sys.version_info[:2])';
  const found: string[] = [];
  for (const command of ['python3', 'python', 'py']) {
    const result = await runTool(command, ['-c', code]).catch(() => null);
    if (result?.code !== 0) continue;
    const [major = 0, minor = 0] = result.stdout.trim().split(' ').map(Number);
    if (major === MIN_PYTHON[0] && minor >= MIN_PYTHON[1]) return command;
    found.push(`${command} is ${major}.${minor}`);
  }
  throw new EngineError(
    'E_SOURCE_UNAVAILABLE',
    `Python: expected version ${MIN_PYTHON.join('.')} or later with venv and pip, got ${found.join(', ') || 'none'}. Install it: apt-get install python3 python3-venv python3-pip`,
  );
}

/** In several runs: pip installs nothing before it has everything of a run, and skips what is installed. */
async function installPackages(
  folder: string,
  requirements: string,
  onProgress: OnProgress | undefined,
): Promise<void> {
  const entries = entriesOf(readFileSync(requirements, 'utf8'));
  const part = join(folder, 'requirements.txt');
  const flags = ['--require-hashes', '--no-deps', '--only-binary', ':all:', '--no-input'];
  const quiet = ['--disable-pip-version-check', '--progress-bar', 'off', '--no-cache-dir'];
  const args = ['-m', 'pip', 'install', '--no-compile', ...flags, ...quiet, '-r', part];
  const total = entries.length;
  for (let done = 0; done < total; done += PACKAGES_PER_RUN) {
    onProgress?.({ done, total, unit: 'items' });
    await writeFile(part, entries.slice(done, done + PACKAGES_PER_RUN).join('\n'));
    await run(pythonOf(folder), args);
  }
}

async function run(command: string, args: readonly string[]): Promise<void> {
  const result = await runTool(command, args);
  if (result.code === 0) return;
  throw new EngineError(
    'E_SOURCE_UNAVAILABLE',
    `${args.slice(0, 3).join(' ')}: ${failureReason(result)}`,
  );
}

/** A package with its hashes each; they are on indented lines after its own. */
function entriesOf(requirements: string): string[] {
  return requirements.split(/\n(?=\S)/).filter((entry) => /^[a-z0-9]/i.test(entry));
}

function folderOf(requirements: string, { root = join(cacheDir(), 'venvs') }: VenvOptions): string {
  const hash = createHash('sha256').update(readFileSync(requirements)).digest('hex');
  return join(root, hash.slice(0, 16));
}

const stampOf = (folder: string): string => join(folder, 'installed');

function pythonOf(folder: string): string {
  return process.platform === 'win32'
    ? join(folder, 'Scripts', 'python.exe')
    : join(folder, 'bin', 'python');
}
