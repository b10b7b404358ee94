/** The steps of a build in order, a row each: a step may read what an earlier one wrote. */
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { distDir, repoRoot } from '../lib/paths.ts';
import { bundleWorker } from './bundle.ts';
import type { Built } from './stamp.ts';
import { readWorkerConfigs, WORKERS, workersJsonPath } from './workers.ts';

export interface Step {
  readonly name: string;
  /** What a person reads while it runs. */
  readonly label: string;
  /** Packages whose version changes the result. */
  readonly packages: readonly string[];
  /** A folder whose list of files changes the result: one that is added is in no stamp. */
  readonly folder?: string;
  run(onStep: (text: string) => void): Promise<Built>;
}

const KERNEL_SOURCE_DIR = 'engine/kernels/wasm/assembly';

/** Compilers and bundlers take up to a second to import: only the steps that run do so. */
export const STEPS: readonly Step[] = [
  {
    name: 'kernels',
    label: 'kernels',
    packages: ['assemblyscript'],
    folder: KERNEL_SOURCE_DIR,
    async run(onStep) {
      const { buildKernels, KERNEL_BUILDS } = await import('./kernels.ts');
      await buildKernels({ onProgress: onStep });
      return {
        inputs: [...listFiles(KERNEL_SOURCE_DIR), join(repoRoot, 'scripts/build/kernels.ts')],
        outputs: Object.keys(KERNEL_BUILDS).map((name) => join(distDir, 'kernels', `${name}.wasm`)),
      };
    },
  },
  {
    name: 'opus',
    label: 'opus decoder',
    packages: ['opus-decoder'],
    run: async () => (await import('./opus.ts')).buildOpus(),
  },
  {
    name: 'fuel',
    label: 'modules with a bound on their steps',
    packages: [],
    run: async () => (await import('./fuel.ts')).buildFuel(),
  },
  {
    name: 'ort',
    label: 'onnxruntime-web',
    packages: ['onnxruntime-web'],
    run: async () => (await import('./ort.ts')).buildOrt(),
  },
  {
    name: 'pdf',
    label: 'pdf.js',
    packages: ['unpdf'],
    run: async () => (await import('./pdf.ts')).buildPdf(),
  },
  {
    name: 'phonemes',
    label: 'pronunciations',
    packages: ['phonemize', 'esbuild'],
    run: async () => (await import('./phonemes.ts')).buildPhonemes(),
  },
  {
    name: 'web',
    label: 'pages',
    packages: ['esbuild'],
    run: async () => (await import('./web.ts')).buildWeb(),
  },
  ...WORKERS.map((row): Step => ({
    name: row.name,
    label: `${row.name} bundle`,
    packages: ['esbuild'],
    run: () => bundleWorker(row),
  })),
  {
    name: 'workers.json',
    label: 'worker bindings',
    packages: ['wrangler'],
    async run() {
      mkdirSync(distDir, { recursive: true });
      writeFileSync(workersJsonPath, `${JSON.stringify(await readWorkerConfigs(), null, 1)}\n`);
      const tomls = WORKERS.map(({ config }) => join(repoRoot, config));
      return {
        inputs: [...tomls, join(repoRoot, 'scripts/build/workers.ts')],
        outputs: [workersJsonPath],
      };
    },
  },
];

/** What changes a step's result beside the files it reads. */
export function settingsOf({ packages, folder }: Step): string {
  const parts = packages.map((name) => `${name} ${packageVersion(name)}`);
  if (folder !== undefined)
    parts.push(...listFiles(folder).map((path) => path.slice(repoRoot.length + 1)));
  return parts.join(', ');
}

function listFiles(folder: string): string[] {
  return readdirSync(join(repoRoot, folder), { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .sort();
}

function packageVersion(name: string): string {
  const path = join(repoRoot, 'node_modules', name, 'package.json');
  return (JSON.parse(readFileSync(path, 'utf8')) as { version: string }).version;
}
