/**
 * libopus in the form the platform requires: the package `opus-decoder` keeps its WebAssembly as text and compiles
 * it at run time, which Workers may not. Here the module is moved to a file of its own, and the
 * remaining code is bundled without it.
 */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { EngineError } from '../../engine/base/errors.ts';
import { distDir, repoRoot } from '../lib/paths.ts';
import type { Built } from './stamp.ts';

const PACKAGE = join(repoRoot, 'node_modules', 'opus-decoder');
const DIR = join(distDir, 'opus');
const INPUTS: readonly string[] = [
  join(PACKAGE, 'src', 'EmscriptenWasm.js'),
  join(PACKAGE, 'src', 'OpusDecoder.js'),
  import.meta.filename,
];
export const OPUS_OUTPUTS: readonly string[] = ['opus-decoder.mjs', 'opus.wasm'].map((name) =>
  join(DIR, name),
);
/** The module as text: a getter that returns it. */
const INLINED = /String\.raw`dynEncode[\s\S]*?`/;
/** Where the package reads exports by their names; the counter of fuel.ts is one more. */
const EXPORTS = 'const wasmExports = instance.exports;';

export async function buildOpus(): Promise<Built> {
  mkdirSync(DIR, { recursive: true });
  writeFileSync(OPUS_OUTPUTS[1]!, await takeModule());
  const { build, stop } = await import('esbuild');
  try {
    await build({
      entryPoints: [INPUTS[1]!],
      outfile: OPUS_OUTPUTS[0]!,
      bundle: true,
      format: 'esm',
      platform: 'neutral',
      mainFields: ['browser', 'module', 'main'],
      target: 'es2024',
      minify: true,
      legalComments: 'none',
      logLevel: 'silent',
      plugins: [
        {
          name: 'without-module',
          setup(bundle) {
            bundle.onLoad({ filter: /EmscriptenWasm\.js$/ }, ({ path }) => ({
              contents: withoutModule(readFileSync(path, 'utf8')),
            }));
          },
        },
      ],
    });
    return { inputs: INPUTS, outputs: OPUS_OUTPUTS };
  } finally {
    await stop();
  }
}

function withoutModule(code: string): string {
  if (INLINED.test(code) && code.includes(EXPORTS)) {
    // The package checks whether there is a text before it defines the getter.
    return code
      .replace(INLINED, "'elsewhere'")
      .replace(EXPORTS, `${EXPORTS} this.fuel = wasmExports.fuel;`);
  }
  throw new EngineError('E_INTERNAL', 'build: opus-decoder: no WebAssembly in EmscriptenWasm.js.');
}

/** The bytes the package compiles, intercepted. */
async function takeModule(): Promise<Uint8Array> {
  // Types of Workers, which may not compile, win over Node's.
  const compiler = WebAssembly as unknown as {
    compile: (bytes: Uint8Array) => Promise<WebAssembly.Module>;
  };
  const compile = compiler.compile;
  const taken: Uint8Array[] = [];
  compiler.compile = async (bytes) => {
    taken.push(bytes);
    return await compile(bytes);
  };
  try {
    const { OpusDecoder } = await import('opus-decoder');
    const decoder = new OpusDecoder();
    await decoder.ready;
    decoder.free();
  } finally {
    compiler.compile = compile;
  }
  // The first of them inflates the second.
  const module = taken.at(-1);
  if (module === undefined)
    throw new EngineError('E_INTERNAL', 'build: opus-decoder compiled nothing.');
  return module;
}
