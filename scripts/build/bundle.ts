/** One bundle per Worker script: the very files that miniflare serves and that wrangler deploys. */
import type { BuildOptions } from 'esbuild';
import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import process from 'node:process';
import { EngineError } from '../../engine/base/errors.ts';
import { repoRoot } from '../lib/paths.ts';
import { importTool } from '../lib/tools.ts';
import type { Built } from './stamp.ts';
import { bundleDir } from './workers.ts';
import type { WorkerRow } from './workers.ts';

/** How every script is bundled from its entry. */
export function bundleOptions(entry: string) {
  return {
    absWorkingDir: repoRoot,
    entryPoints: [entry],
    bundle: true,
    format: 'esm',
    platform: 'neutral',
    target: 'es2024',
    conditions: ['workerd', 'worker', 'browser', 'import'],
    mainFields: ['browser', 'module', 'main'],
    external: ['cloudflare:*'],
    // The platform compiles WebAssembly before the script runs: modules stay files of their own.
    loader: { '.html': 'text', '.wasm': 'copy', '.bin': 'copy', '.jinja': 'text' },
    assetNames: '[name]',
    minify: true,
    keepNames: true,
    legalComments: 'none',
  } satisfies BuildOptions;
}

/** @throws {EngineError} E_INTERNAL with esbuild's message. */
export async function bundleWorker(row: WorkerRow): Promise<Built> {
  const entry = resolve(repoRoot, row.entry);
  if (!existsSync(entry)) throw new EngineError('E_INTERNAL', `build: ${row.entry} is missing.`);
  const { build, stop } = await importTool<typeof import('esbuild')>('esbuild');
  // Beside the final folder, then renamed: a build that is cut off leaves the old bundle whole.
  const finalDir = bundleDir(row.name);
  const tempDir = join(dirname(finalDir), `.${row.name}-${process.pid}`);
  try {
    const { metafile } = await build({
      ...bundleOptions(entry),
      entryNames: 'index',
      outdir: tempDir,
      metafile: true,
      logLevel: 'silent',
    });
    rmSync(finalDir, { recursive: true, force: true });
    renameSync(tempDir, finalDir);
    return {
      inputs: [
        ...Object.keys(metafile.inputs).map((path) => resolve(repoRoot, path)),
        import.meta.filename,
      ],
      outputs: readdirSync(finalDir).map((name) => join(finalDir, name)),
    };
  } catch (cause) {
    const text = cause instanceof Error ? cause.message : String(cause);
    throw new EngineError('E_INTERNAL', `build: ${row.entry}: ${text}`, { cause });
  } finally {
    // esbuild's helper process would stay for as long as this one runs.
    await stop();
    rmSync(tempDir, { recursive: true, force: true });
  }
}
