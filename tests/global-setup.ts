/**
 * Before any test: kernels and bundles are built, and there is a folder and a pool of servers that all test files of
 * the run share; both go at the end. Nothing is downloaded here: `npm test` does that, with progress.
 */
import { rmSync } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import type { TestProject } from 'vitest/node';
import { build } from '../scripts/build/build.ts';
import { openServerPool } from './support/run/pool.ts';

declare module 'vitest' {
  interface ProvidedContext {
    /** What is made once for all test files of a run. */
    readonly runFolder: string;
    /** The address of support/run/pool.ts. */
    readonly serverPool: string;
  }
}

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  await build();
  const runFolder = await mkdtemp(join(tmpdir(), 'thimble-run-'));
  // Ctrl-C ends vitest without the function that is returned here.
  const drop = () => rmSync(runFolder, { recursive: true, force: true });
  process.once('exit', drop);
  const pool = await openServerPool(runFolder);
  project.provide('runFolder', runFolder);
  project.provide('serverPool', pool.url);
  return async () => {
    await pool.close();
    drop();
  };
}
