/**
 * All Worker scripts, and their wrangler.toml as data. Order matters: a script comes after
 * those it is bound to, so that a deployment in this order never names one that does not exist yet.
 */
import { readFileSync } from 'node:fs';
import { join, relative, resolve } from 'node:path';
import { distDir, repoRoot, workDir } from '../lib/paths.ts';
import { findProject } from '../lib/project.ts';
import { importTool } from '../lib/tools.ts';

export interface WorkerRow {
  readonly name: string;
  readonly entry: string;
  readonly config: string;
  /** Too large for the free plan: deployed without it, and without the bindings to it. */
  readonly isPaidOnly?: boolean;
}

/** The script that a project replaces by its own. */
export const GATEWAY = 'gateway';

export const WORKERS: readonly WorkerRow[] = [
  { name: 'stage', entry: 'worker/stage/index.ts', config: 'worker/stage/wrangler.toml' },
  { name: 'audio', entry: 'worker/audio/index.ts', config: 'worker/audio/wrangler.toml' },
  {
    name: 'documents',
    entry: 'worker/documents/index.ts',
    config: 'worker/documents/wrangler.toml',
  },
  {
    name: 'onnx',
    entry: 'worker/onnx/index.ts',
    config: 'worker/onnx/wrangler.toml',
    isPaidOnly: true,
  },
  { name: 'gateway', entry: 'worker/gateway/index.ts', config: 'wrangler.toml' },
];

/** The scripts, with the Worker of the project that the program runs in as the gateway. */
export function workerRows(): readonly WorkerRow[] {
  const project = findProject();
  if (project === null) return WORKERS;
  const { entry, config } = project;
  return WORKERS.map((row) => (row.name === GATEWAY ? { ...row, entry, config } : row));
}

/** The folder of a script's bundle. */
export function bundleDir(name: string): string {
  return join(name === GATEWAY && findProject() !== null ? workDir() : distDir, name);
}

/** One row of dist/workers.json: what the development server needs of a wrangler.toml. */
export interface WorkerConfig {
  readonly name: string;
  /** The script's name on the platform. */
  readonly scriptName: string;
  /** The bundle, relative to the repository. */
  readonly main: string;
  readonly bucketNames: readonly string[];
  /** Miniflare's options (version 4 form) as wrangler derives them. */
  readonly options: Readonly<Record<string, unknown>>;
}

export const workersJsonPath: string = join(distDir, 'workers.json');

/** The part of wrangler's configuration that is read here. */
interface WranglerConfig {
  readonly name?: string;
  readonly r2_buckets: readonly { readonly binding: string; readonly bucket_name?: string }[];
}

/** Reads every wrangler.toml with wrangler's own reader. Slow to import, hence at build time. */
export async function readWorkerConfigs(
  rows: readonly WorkerRow[] = WORKERS,
): Promise<WorkerConfig[]> {
  const { unstable_getMiniflareWorkerOptions, unstable_readConfig } =
    await importTool<typeof import('wrangler')>('wrangler');
  return rows.map(({ name, config }) => {
    const configPath = resolve(repoRoot, config);
    const { name: scriptName, r2_buckets } = unstable_readConfig({
      config: configPath,
    }) as WranglerConfig;
    const { workerOptions } = unstable_getMiniflareWorkerOptions(configPath);
    // The rules find modules when wrangler deploys; here the bundle's files are listed by hand.
    const {
      modulesRules: _rules,
      rootPath: _root,
      ...options
    } = workerOptions as Record<string, unknown>;
    return {
      name,
      scriptName: scriptName ?? name,
      main: relative(repoRoot, join(bundleDir(name), 'index.js')),
      bucketNames: r2_buckets.map(
        (bucket: { binding: string; bucket_name?: string }) => bucket.bucket_name ?? bucket.binding,
      ),
      options,
    };
  });
}

/** The configurations that the last build wrote, those of a project in place of the package's own. */
export function loadWorkerConfigs(): WorkerConfig[] {
  const own = readConfigs(workersJsonPath);
  if (findProject() === null) return own;
  const [gateway] = readConfigs(projectConfigPath());
  return own.map((config) => (config.name === GATEWAY ? (gateway ?? config) : config));
}

function readConfigs(path: string): WorkerConfig[] {
  return JSON.parse(readFileSync(path, 'utf8')) as WorkerConfig[];
}

/** As dist/workers.json, for the Worker of a project. */
export function projectConfigPath(): string {
  return join(workDir(), 'workers.json');
}
