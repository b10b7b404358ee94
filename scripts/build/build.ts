/**
 * Everything `dist/` holds: kernels, decoders, pages, one bundle per Worker script, and workers.json.
 * A step whose inputs and outputs are unchanged is skipped.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { withLock } from '../lib/lock.ts';
import { distDir, isPackaged, repoRoot, workDir } from '../lib/paths.ts';
import { findProject } from '../lib/project.ts';
import { TOOL_VERSIONS } from '../lib/tools.ts';
import { isUpToDate, writeStamp } from './stamp.ts';
import { settingsOf, STEPS } from './steps.ts';
import type { Step } from './steps.ts';
import { GATEWAY, projectConfigPath, readWorkerConfigs, workerRows } from './workers.ts';

export interface BuildOptions {
  /** Called with what is about to be built; steps that are up to date are not mentioned. */
  readonly onStep?: (text: string) => void;
  /** Build even what is unchanged. */
  readonly force?: boolean;
  /** Only the step of this name. */
  readonly only?: string;
}

export interface BuildResult {
  /** Names of the steps that ran (steps.ts). */
  readonly built: readonly string[];
}

/** How long a second build waits for the first. */
const LOCK_WAIT_MS = 120_000;

/** Builds what is out of date. Of several processes the later ones wait and find it done. */
export async function build(options: BuildOptions = {}): Promise<BuildResult> {
  const { force = false, only, onStep = () => {} } = options;
  if (isPackaged) return await buildProject(only, onStep);
  const steps = STEPS.filter(({ name }) => only === undefined || name === only);
  if (!force && steps.every(isFresh)) return { built: [] };
  const work = async () => {
    const built: string[] = [];
    for (const step of steps) {
      // A bundle holds what earlier steps made: whether it is stale is asked when its turn comes.
      if (!force && isFresh(step)) continue;
      onStep(step.label);
      const { inputs, outputs } = await step.run(onStep);
      writeStamp(stampPath(step), repoRoot, settingsOf(step), inputs, outputs);
      built.push(step.name);
    }
    return { built };
  };
  return await withLock(join(distDir, '.build.lock'), work, LOCK_WAIT_MS);
}

/** In the package all is built, except for the Worker of the project it is used in. */
async function buildProject(
  only: string | undefined,
  onStep: (text: string) => void,
): Promise<BuildResult> {
  const project = findProject();
  const row = workerRows().find(({ name }) => name === GATEWAY);
  if (only !== undefined || row === undefined || project === null) return { built: [] };
  const stamp = join(workDir(), '.stamp.json');
  const settings = `esbuild ${TOOL_VERSIONS.esbuild}, wrangler ${TOOL_VERSIONS.wrangler}`;
  const work = async () => {
    // Tests run several processes: what one of them serves is not replaced by the same.
    if (isUpToDate(stamp, project.root, settings)) return { built: [] };
    onStep(project.entry);
    const { bundleWorker } = await import('./bundle.ts');
    const { inputs, outputs } = await bundleWorker(row);
    const configs = projectConfigPath();
    writeFileSync(configs, `${JSON.stringify(await readWorkerConfigs([row]), null, 1)}\n`);
    const read = [...inputs, project.config];
    writeStamp(stamp, project.root, settings, read, [...outputs, configs]);
    return { built: [row.name] };
  };
  mkdirSync(workDir(), { recursive: true });
  return await withLock(join(workDir(), '.build.lock'), work, LOCK_WAIT_MS);
}

/** Names of the steps that would be built. */
export function buildStatus(): string[] {
  if (isPackaged) return [];
  return STEPS.filter((step) => !isFresh(step)).map(({ name }) => name);
}

function isFresh(step: Step): boolean {
  return isUpToDate(stampPath(step), repoRoot, settingsOf(step));
}

function stampPath(step: Step): string {
  return join(distDir, '.stamps', `${step.name}.json`);
}
