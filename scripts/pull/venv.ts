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

/** The Python of the environment, or null when it is not installed (completely). */
export function findVenv(requirements: string, options: VenvOptions = {}): string | null {
  const folder = folderOf(requirements, options);
  return existsSync(stampOf(folder)) ? pythonOf(folder) : null;
}

/**
 * Installs what `requirements` (the path of a file with versions and hashes) lists, unless it is there, and returns
 * the environment's Python. After an interruption the same call goes on: downloads that were finished are kept.
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
      if (existsSync(stampOf(folder))) return pythonOf(folder);
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

async function installPackages(
  folder: string,
  requirements: string,
  onProgress: OnProgress | undefined,
): Promise<void> {
  // pip downloads everything before it installs anything: the cache is what an interruption leaves.
  const cache = join(folder, 'downloads');
  const total = requiredNames(requirements).length;
  let done = 0;
  const onLine = (line: string) => {
    if (!line.startsWith('Collecting ')) return;
    onProgress?.({ done: ++done, total: Math.max(total, done), unit: 'items', note: 'pip' });
  };
  const flags = ['--require-hashes', '--no-deps', '--only-binary', ':all:', '--no-input'];
  const quiet = ['--disable-pip-version-check', '--progress-bar', 'off', '--cache-dir', cache];
  const args = ['-m', 'pip', 'install', '--no-compile', ...flags, ...quiet, '-r', requirements];
  await run(pythonOf(folder), args, onLine);
  await rm(cache, { recursive: true, force: true });
}

async function run(
  command: string,
  args: readonly string[],
  onLine?: (line: string) => void,
): Promise<void> {
  const result = await runTool(command, args, onLine === undefined ? {} : { onLine });
  if (result.code === 0) return;
  throw new EngineError(
    'E_SOURCE_UNAVAILABLE',
    `${args.slice(0, 3).join(' ')}: ${failureReason(result)}`,
  );
}

function requiredNames(requirements: string): string[] {
  return readFileSync(requirements, 'utf8').match(/^[a-z0-9].*==/gim) ?? [];
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
