/**
 * What `npm pack` adds to what every build makes: the program and the exports as JavaScript for Node >= 20 and
 * browsers, their types, and the licences of all that they hold. Run by `prepack`, before npm reads the files.
 */
import type { BuildOptions, Metafile } from 'esbuild';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import process from 'node:process';
import { EngineError } from '../../engine/base/errors.ts';
import { distDir, repoRoot } from '../lib/paths.ts';
import { runMain } from '../lib/run-command.ts';
import { build as buildDist } from './build.ts';
import { bundleOptions } from './bundle.ts';
import { bundledPackages, noticesText, packageOf, readPackage } from './notices.ts';

/** The oldest Node that the package runs on: it has `import.meta.dirname`. */
const NODE_TARGET = 'node20.11';
/** What the package takes from elsewhere: its dependency, and tools that are fetched (scripts/lib/tools.ts). */
const EXTERNAL = ['hono', 'miniflare', 'wrangler', 'esbuild'];
/** Packages of commands that only a clone can run. */
const CLONE_ONLY = [
  ...['assemblyscript', 'binaryen', 'opus-decoder', 'phonemize', 'onnxruntime-web'],
  ...['node-llama-cpp', 'playwright-core', '@sparticuz/chromium'],
];

const COMMON = {
  absWorkingDir: repoRoot,
  bundle: true,
  format: 'esm',
  minify: true,
  keepNames: true,
  legalComments: 'none',
  metafile: true,
  logLevel: 'silent',
  loader: { '.html': 'text', '.jinja': 'text', '.bin': 'copy', '.wasm': 'copy' },
  assetNames: '[name]',
} satisfies BuildOptions;

const NODE = {
  ...COMMON,
  platform: 'node',
  target: NODE_TARGET,
  external: [...EXTERNAL, ...CLONE_ONLY],
  // What Node 20 lacks of ES2025.
  inject: ['scripts/build/node20.ts'],
  // Packages in CommonJS ask for Node's own modules.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
} satisfies BuildOptions;

/** A folder of dist/ and what is bundled into it. */
const BUNDLES: readonly (BuildOptions & { readonly outdir: string })[] = [
  {
    ...NODE,
    // The same code once, for the program and for tests of one's own: flat, as repoRoot has it (lib/paths.ts).
    splitting: true,
    outdir: 'dist/cli',
    entryPoints: {
      thimble: 'scripts/thimble.ts',
      'shard-thread': 'scripts/import/write/shard-thread.ts',
      'training-thread': 'scripts/train/training-thread.ts',
      'parquet-thread': 'scripts/data/readers/parquet-thread.ts',
      testing: 'package/testing/index.ts',
    },
  },
  {
    ...bundleOptions('package/worker/index.ts'),
    external: ['cloudflare:*', 'hono'],
    metafile: true,
    logLevel: 'silent',
    outdir: 'dist/lib/worker',
  },
  { ...NODE, outdir: 'dist/lib', entryPoints: { engine: 'package/engine/node.ts' } },
  {
    ...COMMON,
    platform: 'browser',
    target: 'es2022',
    outdir: 'dist/lib',
    entryPoints: { 'engine-web': 'package/engine/web.ts', client: 'package/client/index.ts' },
  },
];

/** Types of each export; they name nothing outside of these but `hono`. */
const TYPED: readonly string[] = [
  'worker/index',
  'engine/node',
  'engine/web',
  'client/index',
  'testing/index',
];

async function main(): Promise<void> {
  await buildDist({ onStep: (text) => process.stderr.write(`build     ${text}\n`) });
  const { build, stop } = await import('esbuild');
  const inputs = new Set<string>();
  try {
    for (const folder of ['cli', 'lib', 'types'])
      rmSync(join(distDir, folder), { recursive: true, force: true });
    for (const options of BUNDLES) {
      const { metafile } = await build(options);
      for (const path of inputsOf(metafile)) inputs.add(path);
    }
  } finally {
    await stop();
  }
  await writeTypes();
  writeNotices(inputs);
  process.stderr.write(`package   built for Node >= ${NODE_TARGET.slice(4)} and browsers\n`);
}

function inputsOf(metafile: Metafile | undefined): string[] {
  return Object.keys(metafile?.inputs ?? {});
}

/** Types as tsc emits them, of the exports' own files only. @throws {EngineError} E_INTERNAL with its message */
async function writeTypes(): Promise<void> {
  const { default: ts } = await import('typescript');
  const folder = join(repoRoot, 'package');
  const read = ts.readConfigFile(join(folder, 'tsconfig.json'), (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent(read.config, ts.sys, folder);
  const roots = [
    ...TYPED.map((name) => join(folder, `${name}.ts`)),
    join(repoRoot, 'worker/modules.d.ts'),
  ];
  const program = ts.createProgram(roots, {
    ...options,
    noEmit: false,
    declaration: true,
    emitDeclarationOnly: true,
    rootDir: folder,
    outDir: join(distDir, 'types'),
    // `npm run types` checks them.
    noCheck: true,
  });
  const queue = TYPED.map((name) => join(folder, `${name}.ts`));
  for (const file of queue) {
    const path = join(distDir, 'types', relative(folder, file).replace(/\.ts$/, '.d.ts'));
    const write = (_: string, text: string): void => {
      mkdirSync(dirname(path), { recursive: true });
      const { types, imported } = withoutExtensions(text, file);
      writeFileSync(path, types);
      for (const next of imported) if (!queue.includes(next)) queue.push(next);
    };
    program.emit(program.getSourceFile(file), write, undefined, true);
  }
}

const RELATIVE = /(from |import\()(['"])(\.[^'"]+)\.ts\2/g;

/** Imports as every TypeScript takes them: it finds `./a.js` in `./a.d.ts`, and refuses `./a.ts`. */
function withoutExtensions(text: string, file: string): { types: string; imported: string[] } {
  const imported: string[] = [];
  const types = text.replaceAll(RELATIVE, (_, before: string, quote: string, to: string) => {
    const path = resolve(dirname(file), `${to}.ts`);
    if (!path.startsWith(join(repoRoot, 'package/')))
      throw new EngineError(
        'E_INTERNAL',
        `package: types of ${file} name ${to}.ts; expected only files of package/.`,
      );
    imported.push(path);
    return `${before}${quote}${to}.js${quote}`;
  });
  return { types, imported };
}

function writeNotices(inputs: ReadonlySet<string>): void {
  const there = bundledPackages();
  const known = new Set(there.map(({ name }) => name));
  const more = new Set(
    [...inputs].map(packageOf).filter((name) => name !== null && !known.has(name)),
  );
  const all = [...there, ...[...more].map((name) => readPackage(name!))];
  all.sort((a, b) => (a.name < b.name ? -1 : 1));
  writeFileSync(join(distDir, 'THIRD-PARTY-NOTICES.md'), noticesText(all));
}

await runMain(main);
