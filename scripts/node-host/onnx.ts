/** ONNX models in this Node process: the same runtime, graphs and tasks as in the Worker. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { compileWasm } from './compile-wasm.ts';
import type { OnnxManifest } from '../../engine/manifest/manifest.ts';
import { loadOnnxModel } from '../../worker/onnx/load-model.ts';
import type { OnnxModel } from '../../worker/onnx/load-model.ts';
import { OrtRuntime } from '../../worker/onnx/ort-runtime.ts';
import type { CreateOrt } from '../../worker/onnx/ort-runtime.ts';
import { builtWasm, distDir } from '../lib/paths.ts';

/** The most that WebAssembly can address; in Node there is no other limit. */
const LOCAL_MAX_BYTES = 4 * 1024 ** 3;

export async function openOrtRuntime(maxBytes = LOCAL_MAX_BYTES): Promise<OrtRuntime> {
  const [{ default: createOrt }, wasm] = await Promise.all([
    import(pathToFileURL(join(distDir, 'ort', 'create-ort.mjs')).href) as Promise<{
      default: CreateOrt;
    }>,
    compileWasm(builtWasm('fuel', 'onnx', 'ort.wasm')),
  ]);
  return new OrtRuntime(createOrt, wasm, maxBytes);
}

export async function loadLocalOnnx(
  runtime: OrtRuntime,
  dir: string,
  manifest: OnnxManifest,
): Promise<OnnxModel> {
  return await loadOnnxModel(
    runtime,
    manifest,
    async (file) => new Uint8Array(await readFile(join(dir, file))),
  );
}
