/** A temporary folder with model files in it, imports into it, and what came out. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect } from 'vitest';
import { EngineError } from '../../engine/base/errors.ts';
import { parseManifest } from '../../engine/manifest/manifest.ts';
import type { TextedManifest, WeightedManifest } from '../../engine/manifest/manifest.ts';
import { unpackMatrix } from '../../engine/quant/layouts.ts';
import { hashFile } from '../../scripts/lib/hash-file.ts';
import { importModel } from '../../scripts/import/import-model.ts';
import type { ImportOptions, ImportResult } from '../../scripts/import/import-model.ts';
import { tinyTensors } from './tiny-llama.ts';

/** Made anew for each test of the file that imports this. */
export let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'thimble-import-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

export const outRoot = () => join(root, 'models');
/** Writes a file into the folder; its path. */
export async function put(name: string, data: Uint8Array | string): Promise<string> {
  await writeFile(join(root, name), data);
  return join(root, name);
}
/** Imports as model `tiny`. */
export async function run(
  input: string,
  more: Partial<ImportOptions> = {},
): Promise<ImportResult & { readonly manifest: TextedManifest }> {
  const result = await importModel({ input, id: 'tiny', outRoot: outRoot(), ...more });
  return { ...result, manifest: result.manifest as TextedManifest };
}
/** The error of a promise that must fail, with its code. */
export async function failure(promise: Promise<unknown>): Promise<EngineError> {
  const error: unknown = await promise.then(
    () => new Error('expected a failure'),
    (e: unknown) => e,
  );
  if (error instanceof EngineError) return error;
  throw error;
}
/** All weights of an imported model as floats, from the files on disk. */
export async function readWeights(folder: string): Promise<Map<string, Float32Array>> {
  const text = await readFile(join(folder, 'manifest.json'), 'utf8');
  const manifest = parseManifest(JSON.parse(text)) as WeightedManifest;
  const shards = await Promise.all(manifest.shards.map(({ file }) => readFile(join(folder, file))));
  return new Map(
    manifest.tensors.map(({ name, dtype, shape, shard, offset, bytes }) => {
      const data = Uint8Array.from(shards[shard]!.subarray(offset, offset + bytes));
      return [name, unpackMatrix(dtype, shape[0], shape[1], data)];
    }),
  );
}
/** The tiny model's weights, bit for bit. */
export function expectTinyWeights(
  weights: ReadonlyMap<string, Float32Array>,
  tensors = tinyTensors(),
): void {
  expect([...weights.keys()].sort()).toEqual(tensors.map(({ instance }) => instance.name).sort());
  for (const { instance, values } of tensors) expect(weights.get(instance.name)).toEqual(values);
}
/** Nothing missing, nothing left over, hashes and alignment as promised. */
export async function expectWholeFolder(folder: string, manifest: TextedManifest): Promise<void> {
  const files = ['manifest.json', 'tokenizer.json', ...manifest.shards.map(({ file }) => file)];
  expect((await readdir(folder)).sort()).toEqual(files.sort());
  for (const { file, sha256 } of [...manifest.shards, manifest.tokenizer])
    expect(await hashFile(join(folder, file))).toBe(sha256);
  for (const { offset } of manifest.tensors) expect(offset % 64).toBe(0);
}

/** The bytes of float values as they lie in memory. */
export function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
