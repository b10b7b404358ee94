/**
 * All Worker scripts, and their wrangler.toml as data. Order matters: a script comes after
 * those it is bound to, so that a deployment in this order never names one that does not exist yet.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { distDir, repoRoot } from '../lib/paths.ts';

export interface WorkerRow {
  readonly name: string;
  readonly entry: string;
  readonly config: string;
  /** Too large for the free plan: deployed without it, and without the bindings to it. */
  readonly isPaidOnly?: boolean;
}

export const WORKERS: readonly WorkerRow[] = [
  { name: 'stage', entry: 'worker/stage/index.ts', config: 'worker/stage/wrangler.toml' },
  { name: 'audio', entry: 'worker/audio/index.ts', config: 'worker/audio/wrangler.toml' },
  {
    name: 'onnx',
    entry: 'worker/onnx/index.ts',
    config: 'worker/onnx/wrangler.toml',
    isPaidOnly: true,
  },
  { name: 'gateway', entry: 'worker/gateway/index.ts', config: 'wrangler.toml' },
];

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
export async function readWorkerConfigs(): Promise<WorkerConfig[]> {
  const { unstable_getMiniflareWorkerOptions, unstable_readConfig } = await import('wrangler');
  return WORKERS.map(({ name, config }) => {
    const configPath = join(repoRoot, config);
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
      main: `dist/${name}/index.js`,
      bucketNames: r2_buckets.map(
        (bucket: { binding: string; bucket_name?: string }) => bucket.bucket_name ?? bucket.binding,
      ),
      options,
    };
  });
}

/** The configurations that the last build wrote. */
export function loadWorkerConfigs(): WorkerConfig[] {
  return JSON.parse(readFileSync(workersJsonPath, 'utf8')) as WorkerConfig[];
}
