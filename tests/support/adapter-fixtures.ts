/** The adapters that PEFT and gguf-py wrote (tests/golden/make-adapters.py), their base in both formats, and decoders with them. */
import { copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { readGgufAdapter } from '../../engine/adapters/gguf-adapter.ts';
import type { Adapter, AdapterBase, FloatPair } from '../../engine/adapters/adapter.ts';
import { readPeft } from '../../engine/adapters/peft.ts';
import { PagePool, Sequence } from '../../engine/cache/pages.ts';
import { memorySource, readRange } from '../../engine/formats/byte-source.ts';
import type { JsonObject } from '../../engine/formats/json.ts';
import { readSafetensors } from '../../engine/formats/safetensors.ts';
import { archTensors } from '../../engine/archs/index.ts';
import { LLAMA } from '../../engine/archs/decoders/llama.ts';
import { dequantize } from '../../engine/quant/dequantize.ts';
import type { DecoderManifest, ModelConfig } from '../../engine/manifest/manifest.ts';
import type { AdapterHandle } from '../../engine/model/decoder/contract.ts';
import type { Decoder } from '../../engine/model/decoder/decoder.ts';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { addAdapter, readBase } from '../../scripts/push/adapters.ts';
import type { Bucket } from '../../scripts/push/bucket.ts';
import { writeGguf } from './gguf-writer.ts';
import { randomValues } from './random.ts';
import { tinyGgufMetadata, tinyTokenizerFiles } from './tiny-llama.ts';

const ROOT = join(repoRoot, 'tests/golden/adapters');

export const FIXTURE_CONFIG: ModelConfig = {
  ...{ nLayer: 2, nEmbd: 32, nHead: 4, nKvHead: 2, headDim: 8, nFf: 64, nVocab: 264, nCtx: 128 },
  ...{ normEps: 1e-6, ropeTheta: 10_000, ropePairing: 'half', ropeDim: 8 },
  ...{ ropeScaling: { kind: 'none' }, tiedHead: false },
};

export interface GoldenLogits {
  readonly tokens: readonly number[];
  readonly invocation: readonly number[];
  /** [position][token] by the adapter's name, and `base`. */
  readonly logits: Readonly<Record<string, readonly (readonly number[])[]>>;
}

export async function goldenLogits(): Promise<GoldenLogits> {
  return JSON.parse(await readFile(join(ROOT, 'logits.json'), 'utf8')) as GoldenLogits;
}

/** The base as a Hugging Face folder. */
export async function writeBaseFolder(folder: string): Promise<void> {
  await mkdir(folder, { recursive: true });
  await copyFile(join(ROOT, 'base/model.safetensors'), join(folder, 'model.safetensors'));
  const config = JSON.parse(await readFile(join(ROOT, 'base/config.json'), 'utf8')) as object;
  const files = { ...tinyTokenizerFiles(), 'config.json': JSON.stringify(config) };
  for (const [name, text] of Object.entries(files)) await writeFile(join(folder, name), text);
}

/** The base as llama.cpp's converter writes it: rows of queries and keys moved. */
export async function writeBaseGguf(path: string): Promise<void> {
  const file = await readFile(join(ROOT, 'base/model.safetensors'));
  const tensors = await readSafetensors([memorySource('base', file)]);
  const c = FIXTURE_CONFIG;
  const written = archTensors(LLAMA, c).flatMap(({ places, shape, spec }) => {
    const tensor = tensors.find(({ name }) => name === places.hf!.name);
    if (tensor === undefined) return [];
    const heads = spec.ropeRows === undefined ? null : c[spec.ropeRows];
    return [{ tensor, name: places.gguf!.name, shape, heads }];
  });
  const all = await Promise.all(
    written.map(async ({ tensor, name, shape, heads }) => {
      const raw = await readRange(tensor.source, tensor.offset, tensor.bytes, name);
      const values = dequantize(tensor.dtype, raw);
      const moved = heads === null ? values : movedRows(values, shape[0] / heads, shape[1]);
      const dims = shape[0] === 1 ? [shape[1]] : [...shape];
      return { name, dims, dtype: 'F32' as const, data: new Uint8Array(moved.buffer) };
    }),
  );
  await writeFile(path, writeGguf({ metadata: tinyGgufMetadata(c), tensors: all }));
}

/** As `permute` of llama.cpp's convert_hf_to_gguf.py. */
function movedRows(values: Float32Array, headDim: number, nCol: number): Float32Array {
  const out = new Float32Array(values.length);
  for (let row = 0; row < values.length / nCol; row++) {
    const [head, at] = [Math.floor(row / headDim), row % headDim];
    const from = head * headDim + (at % 2) * (headDim / 2) + Math.floor(at / 2);
    out.set(values.subarray(from * nCol, (from + 1) * nCol), row * nCol);
  }
  return out;
}

export interface PeftFixture {
  readonly config: JsonObject;
  readonly weights: Uint8Array;
}

export async function peftFixture(name: string): Promise<PeftFixture> {
  const config = await readFile(join(ROOT, name, 'adapter_config.json'), 'utf8');
  return {
    config: JSON.parse(config) as JsonObject,
    weights: await readFile(join(ROOT, name, 'adapter_model.safetensors')),
  };
}

/** Folder of a PEFT adapter. */
export function peftFolder(name: string): string {
  return join(ROOT, name);
}

export function ggufPath(name: string): string {
  return join(ROOT, `${name}.gguf`);
}

export async function readPeftFixture(
  name: string,
  base: AdapterBase,
  change: (config: JsonObject) => JsonObject = (config) => config,
): Promise<Adapter> {
  const { config, weights } = await peftFixture(name);
  return await readPeft(change(config), memorySource('adapter_model.safetensors', weights), base);
}

export async function readGgufFixture(name: string, base: AdapterBase): Promise<Adapter> {
  const bytes = await readFile(ggufPath(name));
  return await readGgufAdapter(memorySource(`${name}.gguf`, bytes), base);
}

/** Logits of every position of `tokens`, of which those from `from` on carry the adapter. */
export function logitsWith(
  decoder: Decoder,
  tokens: readonly number[],
  adapter: AdapterHandle | null,
  from = 0,
): Float32Array[] {
  const sequence = new Sequence(new PagePool(decoder.limits.nPage));
  sequence.reserve(tokens.length);
  const seen: Float32Array[] = [];
  const run = (inputs: readonly number[], carried: AdapterHandle | null): void => {
    if (inputs.length === 0) return;
    const part = { sequence, inputs, slot: 0, logitsFrom: 0, adapter: carried };
    decoder.forward([part], (_part, _index, row) => seen.push(decoder.logits(row).slice()));
  };
  run(tokens.slice(0, from), null);
  run(tokens.slice(from), adapter);
  return seen;
}

export function largestGap(
  a: readonly ArrayLike<number>[],
  b: readonly ArrayLike<number>[],
): number {
  let most = 0;
  for (const [i, row] of a.entries())
    for (let at = 0; at < row.length; at++) most = Math.max(most, Math.abs(row[at]! - b[i]![at]!));
  return most;
}

/** Rank of the adapters that tests make up. */
const RANDOM_RANK = 4;

/** An adapter of random matrices, strong enough to change a text at once. */
export function randomAdapter(
  { config }: Pick<DecoderManifest, 'config'>,
  seed: number,
  activation: readonly number[] | null = null,
  rank = RANDOM_RANK,
): Adapter {
  const { nLayer, nEmbd, nHead, nKvHead, headDim, nFf } = config;
  const widths = {
    ...{ qProj: [nHead * headDim, nEmbd], kProj: [nKvHead * headDim, nEmbd] },
    ...{ vProj: [nKvHead * headDim, nEmbd], oProj: [nEmbd, nHead * headDim] },
    ...{ gateProj: [nFf, nEmbd], upProj: [nFf, nEmbd], downProj: [nEmbd, nFf] },
  };
  const pairs = new Map<string, FloatPair>();
  for (let layer = 0; layer < nLayer; layer++)
    for (const [i, [name, [nRow = 0, nCol = 0]]] of Object.entries(widths).entries())
      pairs.set(`layers.${layer}.${name}`, {
        a: randomValues(rank * nCol, seed * 1000 + layer * 20 + i, 0.5 / Math.sqrt(nCol)),
        b: randomValues(nRow * rank, seed * 2000 + layer * 20 + i, 0.25),
      });
  return { rank, alpha: 4, scale: 1, pairs, activation, baseName: null };
}

/** Puts random adapters beside a base into a bucket, named by their seeds. */
export async function addRandomAdapters(
  bucket: Bucket,
  base: string,
  adapters: Readonly<
    Record<string, { seed: number; activation?: readonly number[]; rank?: number }>
  >,
): Promise<void> {
  const manifest = await readBase(bucket, base);
  for (const [name, { seed, activation, rank }] of Object.entries(adapters))
    await addAdapter(
      bucket,
      { base, name },
      randomAdapter(manifest, seed, activation ?? null, rank),
      manifest,
      { licence: 'mit', source: 'test' },
    );
}
