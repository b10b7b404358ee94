/**
 * onnxruntime-web as a function: every call returns a runtime with WebAssembly memory of its own, where
 * the package has one for the life of the isolate. `WebAssembly` is a parameter, so that the host
 * hands in the module the platform compiled and the memory it allows, and nothing global is changed.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { distDir, repoRoot } from '../lib/paths.ts';
import type { Built } from './stamp.ts';

const PACKAGE_DIST = join(repoRoot, 'node_modules', 'onnxruntime-web', 'dist');
const INPUTS: readonly string[] = [
  join(PACKAGE_DIST, 'ort.wasm.bundle.min.mjs'),
  import.meta.filename,
];
const DIR = join(distDir, 'ort');
const OUTPUT = join(DIR, 'create-ort.mjs');

export async function buildOrt(): Promise<Built> {
  const { build, stop } = await import('esbuild');
  try {
    const { outputFiles } = await build({
      entryPoints: [INPUTS[0]!],
      bundle: true,
      write: false,
      format: 'iife',
      globalName: 'ort',
      platform: 'neutral',
      target: 'es2024',
      minify: true,
      legalComments: 'none',
      logLevel: 'silent',
    });
    const text = outputFiles[0]?.text ?? '';
    mkdirSync(DIR, { recursive: true });
    writeFileSync(
      OUTPUT,
      `// onnxruntime-web (MIT), see scripts/build/ort.ts\n` +
        `export default function createOrt(WebAssembly) {\n${text}\nreturn ort;\n}\n`,
    );
    return { inputs: INPUTS, outputs: [OUTPUT] };
  } finally {
    await stop();
  }
}
