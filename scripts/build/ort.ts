/**
 * onnxruntime-web as a function: every call gives a runtime with WebAssembly memory of its own, where
 * the package has one for the life of the isolate. `WebAssembly` is a parameter, so that the host
 * hands in the module the platform compiled and the memory it allows, and nothing global is changed.
 */
import { copyFileSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { distDir, repoRoot } from '../lib/paths.ts';

const PACKAGE_DIST = join(repoRoot, 'node_modules', 'onnxruntime-web', 'dist');
export const ORT_INPUTS: readonly string[] = [
  join(PACKAGE_DIST, 'ort.wasm.bundle.min.mjs'),
  join(PACKAGE_DIST, 'ort-wasm-simd-threaded.wasm'),
  import.meta.filename,
];
export const ORT_DIR: string = join(distDir, 'ort');
export const ORT_OUTPUTS: readonly string[] = ['create-ort.mjs', 'ort.wasm'].map((name) =>
  join(ORT_DIR, name),
);

export async function buildOrt(): Promise<void> {
  const { build, stop } = await import('esbuild');
  try {
    const { outputFiles } = await build({
      entryPoints: [ORT_INPUTS[0]!],
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
    mkdirSync(ORT_DIR, { recursive: true });
    writeFileSync(
      ORT_OUTPUTS[0]!,
      `// onnxruntime-web (MIT), see scripts/build/ort.ts\n` +
        `export default function createOrt(WebAssembly) {\n${text}\nreturn ort;\n}\n`,
    );
    copyFileSync(ORT_INPUTS[1]!, ORT_OUTPUTS[1]!);
  } finally {
    await stop();
  }
}
