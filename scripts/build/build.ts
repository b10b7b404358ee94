/**
 * Everything `dist/` holds: kernels, one bundle per Worker script, and workers.json. The bundles are
 * the very files that miniflare serves and that wrangler deploys. A step whose inputs and outputs
 * are unchanged is skipped.
 */
import type { BuildOptions as EsbuildOptions } from 'esbuild';
import process from 'node:process';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { join, resolve } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import { withLock } from '../lib/lock.ts';
import { distDir, repoRoot } from '../lib/paths.ts';
import { buildOrt, ORT_INPUTS, ORT_OUTPUTS } from './ort.ts';
import { buildPhonemes, PHONEMES_INPUTS, PHONEMES_OUTPUT } from './phonemes.ts';
import { isUpToDate, writeStamp } from './stamp.ts';
import { readWorkerConfigs, WORKERS, workersJsonPath } from './workers.ts';
import type { WorkerRow } from './workers.ts';

export interface BuildOptions {
  /** Told what is about to be built; steps that are up to date are not mentioned. */
  readonly onStep?: (text: string) => void;
  /** Build even what is unchanged. */
  readonly force?: boolean;
  /** Only the step of this name. */
  readonly only?: string;
}

export interface BuildResult {
  /** Steps that were built: `kernels`, `opus`, `fuel`, `ort`, `phonemes`, a script's name, `workers.json`. */
  readonly built: readonly string[];
}

interface Step {
  readonly name: string;
  readonly settings: string;
  /** Returns the files that were read and those that were written. */
  run(onStep: (text: string) => void): Promise<{ inputs: string[]; outputs: string[] }>;
}

const KERNEL_SOURCE_DIR = 'engine/kernels/wasm/assembly';

/** How long a second build waits for the first. */
const LOCK_WAIT_MS = 120_000;

/** Builds what is out of date. Of several processes the later ones wait and find it done. */
export async function build(options: BuildOptions = {}): Promise<BuildResult> {
  const steps = makeSteps().filter(
    ({ name }) => options.only === undefined || name === options.only,
  );
  const force = options.force === true;
  if (!force && steps.every(isFresh)) return { built: [] };
  const work = async () => {
    const built: string[] = [];
    for (const step of steps) {
      // A bundle holds the kernels: what is stale is asked again after each step.
      if (!force && isFresh(step)) continue;
      const { inputs, outputs } = await step.run((text) => options.onStep?.(text));
      writeStamp(stampPath(step), repoRoot, step.settings, inputs, outputs);
      built.push(step.name);
    }
    return { built };
  };
  return await withLock(join(distDir, '.build.lock'), work, LOCK_WAIT_MS);
}

/** Names of the steps that would be built. */
export function buildStatus(): string[] {
  return makeSteps()
    .filter((step) => !isFresh(step))
    .map(({ name }) => name);
}

function isFresh(step: Step): boolean {
  return isUpToDate(stampPath(step), repoRoot, step.settings);
}

function stampPath(step: Step): string {
  return join(distDir, '.stamps', `${step.name}.json`);
}

function makeSteps(): Step[] {
  return [
    kernelStep(),
    opusStep(),
    fuelStep(),
    ortStep(),
    phonemesStep(),
    ...WORKERS.map(bundleStep),
    configStep(),
  ];
}

function kernelStep(): Step {
  return {
    name: 'kernels',
    settings: `assemblyscript ${packageVersion('assemblyscript')}; ${listFolder(KERNEL_SOURCE_DIR)}`,
    async run(onStep) {
      onStep('kernels');
      // The compiler takes a second to import.
      const { buildKernels } = await import('./kernels.ts');
      await buildKernels({ onProgress: onStep });
      const sources = listFiles(KERNEL_SOURCE_DIR);
      return {
        inputs: [...sources, join(repoRoot, 'scripts/build/kernels.ts')],
        outputs: ['relaxed.wasm', 'simd.wasm'].map((name) => join(distDir, 'kernels', name)),
      };
    },
  };
}

function opusStep(): Step {
  return {
    name: 'opus',
    settings: `opus-decoder ${packageVersion('opus-decoder')}`,
    async run(onStep) {
      onStep('opus decoder');
      const { buildOpus, OPUS_INPUTS, OPUS_OUTPUTS } = await import('./opus.ts');
      await buildOpus();
      return { inputs: [...OPUS_INPUTS], outputs: [...OPUS_OUTPUTS] };
    },
  };
}

function fuelStep(): Step {
  return {
    name: 'fuel',
    settings: `binaryen ${packageVersion('binaryen')}`,
    async run(onStep) {
      onStep('decoders with a bound on their steps');
      const { buildFuel, FUEL_INPUTS, FUEL_OUTPUTS } = await import('./fuel.ts');
      await buildFuel();
      return { inputs: [...FUEL_INPUTS], outputs: [...FUEL_OUTPUTS] };
    },
  };
}

function ortStep(): Step {
  return {
    name: 'ort',
    settings: `onnxruntime-web ${packageVersion('onnxruntime-web')}`,
    async run(onStep) {
      onStep('onnxruntime-web');
      await buildOrt();
      return { inputs: [...ORT_INPUTS], outputs: [...ORT_OUTPUTS] };
    },
  };
}

function phonemesStep(): Step {
  return {
    name: 'phonemes',
    settings: `phonemize ${packageVersion('phonemize')}, esbuild ${packageVersion('esbuild')}`,
    async run(onStep) {
      onStep('pronunciations');
      await buildPhonemes();
      return { inputs: [...PHONEMES_INPUTS], outputs: [PHONEMES_OUTPUT] };
    },
  };
}

function bundleStep(row: WorkerRow): Step {
  return {
    name: row.name,
    settings: `esbuild ${packageVersion('esbuild')}`,
    async run(onStep) {
      onStep(`${row.name} bundle`);
      return await bundleWorker(row);
    },
  };
}

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
    loader: { '.html': 'text', '.wasm': 'copy', '.jinja': 'text' },
    assetNames: '[name]',
    minify: true,
    keepNames: true,
    legalComments: 'none',
  } satisfies EsbuildOptions;
}

async function bundleWorker(row: WorkerRow): Promise<{ inputs: string[]; outputs: string[] }> {
  const entry = join(repoRoot, row.entry);
  if (!existsSync(entry)) throw new EngineError('E_INTERNAL', `build: ${row.entry} is missing.`);
  const { build: esbuild, stop } = await import('esbuild');
  // Beside the final folder, then renamed: a build that is cut off leaves the old bundle whole.
  const tempDir = join(distDir, `.${row.name}-${process.pid}`);
  const finalDir = join(distDir, row.name);
  try {
    const { metafile } = await esbuild({
      ...bundleOptions(entry),
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
    // esbuild's helper process would stay as long as we serve.
    await stop();
    rmSync(tempDir, { recursive: true, force: true });
  }
}

function configStep(): Step {
  return {
    name: 'workers.json',
    settings: `wrangler ${packageVersion('wrangler')}`,
    async run(onStep) {
      onStep('worker bindings');
      mkdirSync(distDir, { recursive: true });
      writeFileSync(workersJsonPath, `${JSON.stringify(await readWorkerConfigs(), null, 1)}\n`);
      const tomls = WORKERS.map(({ config }) => join(repoRoot, config));
      return {
        inputs: [...tomls, join(repoRoot, 'scripts/build/workers.ts')],
        outputs: [workersJsonPath],
      };
    },
  };
}

function listFiles(folder: string): string[] {
  const root = join(repoRoot, folder);
  return readdirSync(root, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

/** A file that is added or taken away changes this text. */
function listFolder(folder: string): string {
  return listFiles(folder)
    .map((path) => path.slice(repoRoot.length + 1))
    .join(',');
}

function packageVersion(name: string): string {
  const path = join(repoRoot, 'node_modules', name, 'package.json');
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}
