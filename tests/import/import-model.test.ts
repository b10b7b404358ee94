import { existsSync } from 'node:fs';
import {
  mkdtemp,
  readFile,
  readdir,
  rm,
  symlink,
  mkdir,
  truncate,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { EngineError } from '../../engine/base/errors.ts';
import { parseManifest } from '../../engine/formats/manifest.ts';
import type { Manifest } from '../../engine/formats/manifest.ts';
import { f32ToF16 } from '../../engine/quant/half.ts';
import { unpackMatrix } from '../../engine/quant/layouts.ts';
import { hashFile } from '../../scripts/import/journal.ts';
import { importModel } from '../../scripts/import/import-model.ts';
import type { ImportOptions, ImportResult } from '../../scripts/import/import-model.ts';
import { writeGguf } from '../support/gguf-writer.ts';
import { randomValues } from '../support/random.ts';
import {
  TINY_CONFIG,
  tinyGguf,
  tinyGgufMetadata,
  tinyGgufTensors,
  tinyLlama2c,
  tinyLlama2cVocab,
  tinyTensors,
  writeTinyFolder,
} from '../support/tiny-llama.ts';

let root = '';
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), 'thimble-import-'));
});
afterEach(() => rm(root, { recursive: true, force: true }));

const outRoot = () => join(root, 'models');
async function put(name: string, data: Uint8Array | string): Promise<string> {
  await writeFile(join(root, name), data);
  return join(root, name);
}
function run(input: string, more: Partial<ImportOptions> = {}): Promise<ImportResult> {
  return importModel({ input, id: 'tiny', outRoot: outRoot(), ...more });
}
/** The error of a promise that must fail, with its code. */
async function failure(promise: Promise<unknown>): Promise<EngineError> {
  const error: unknown = await promise.then(
    () => new Error('expected a failure'),
    (e: unknown) => e,
  );
  if (error instanceof EngineError) return error;
  throw error;
}
/** All weights of an imported model as floats, from the files on disk. */
async function readWeights(folder: string): Promise<Map<string, Float32Array>> {
  const manifest = parseManifest(JSON.parse(await readFile(join(folder, 'manifest.json'), 'utf8')));
  const shards = await Promise.all(manifest.shards.map(({ file }) => readFile(join(folder, file))));
  return new Map(
    manifest.tensors.map(({ name, dtype, shape, shard, offset, bytes }) => {
      const data = Uint8Array.from(shards[shard]!.subarray(offset, offset + bytes));
      return [name, unpackMatrix(dtype, shape[0], shape[1], data)];
    }),
  );
}
function expectTinyWeights(
  weights: ReadonlyMap<string, Float32Array>,
  tensors = tinyTensors(),
): void {
  expect([...weights.keys()].sort()).toEqual(tensors.map(({ instance }) => instance.name).sort());
  for (const { instance, values } of tensors) expect(weights.get(instance.name)).toEqual(values);
}
async function expectWholeFolder(folder: string, manifest: Manifest): Promise<void> {
  const files = ['manifest.json', 'tokenizer.json', ...manifest.shards.map(({ file }) => file)];
  expect((await readdir(folder)).sort()).toEqual(files.sort());
  for (const { file, sha256 } of [...manifest.shards, manifest.tokenizer])
    expect(await hashFile(join(folder, file))).toBe(sha256);
  for (const { offset } of manifest.tensors) expect(offset % 64).toBe(0);
}

describe('every format gives the same model', () => {
  const { ropePairing: _, ...shape } = TINY_CONFIG;
  const eps = { normEps: expect.closeTo(TINY_CONFIG.normEps, 9) as number };

  test('GGUF', async () => {
    const result = await run(await put('tiny.gguf', tinyGguf()));
    expect(result.manifest.config).toEqual({ ...shape, ...eps, ropePairing: 'adjacent' });
    expect(result.manifest).toMatchObject({ name: 'tiny', licence: 'mit', preset: 'lossless' });
    expect(result.manifest.tensors.every(({ exact }) => exact)).toBe(true);
    await expectWholeFolder(result.folder, result.manifest);
    expectTinyWeights(await readWeights(result.folder));
  });

  test('GGUF in three parts', async () => {
    const tensors = tinyGgufTensors();
    const names = [1, 2, 3].map((i) => `tiny-0000${i}-of-00003.gguf`);
    for (const [no, name] of names.entries()) {
      const split = {
        'split.no': ['u16', no],
        'split.count': ['u16', 3],
        'split.tensors.count': ['i32', tensors.length],
      } as const;
      const metadata = no === 0 ? { ...tinyGgufMetadata(), ...split } : split;
      await put(name, writeGguf({ metadata, tensors: tensors.filter((_, i) => i % 3 === no) }));
    }
    const result = await run(join(root, names[1]!));
    expectTinyWeights(await readWeights(result.folder));
    expect(result.manifest.sourceSha256).toBeNull();
    await rm(join(root, names[2]!));
    const error = await failure(run(join(root, names[0]!), { force: true }));
    expect(error.code).toBe('E_SOURCE_UNAVAILABLE');
    expect(error.message).toContain(names[2]);
  });

  test.each([1, 2])('safetensors folder of %i files', async (parts) => {
    const folder = join(root, 'hf');
    const card = '---\nlicense: apache-2.0\n---\n# Tiny\n';
    const files = { 'README.md': card, 'chat_template.jinja': '{{ messages }}' };
    await writeTinyFolder(folder, { parts, files });
    const result = await run(folder);
    expect(result.manifest.config).toEqual({ ...shape, ...eps, ropePairing: 'half' });
    expect(result.manifest).toMatchObject({
      licence: 'apache-2.0',
      card,
      chatTemplate: '{{ messages }}',
      source: 'hf',
      tokenizer: { addBos: true, bosId: 1, eosIds: [2] },
    });
    await expectWholeFolder(result.folder, result.manifest);
    expectTinyWeights(await readWeights(result.folder));
  });

  test.each([0, 1] as const)('llama2.c version %i', async (version) => {
    await put('tok264.bin', tinyLlama2cVocab());
    const path = await put('tiny.bin', tinyLlama2c(version, tinyTensors(), TINY_CONFIG));
    const result = await run(path);
    expect(result.manifest.config).toEqual({ ...shape, ...eps, ropePairing: 'adjacent' });
    expectTinyWeights(await readWeights(result.folder));
  });

  test('a tied head is not stored twice', async () => {
    const config = { ...TINY_CONFIG, tiedHead: true };
    const folder = join(root, 'tied');
    // Stored all the same, as some converters do.
    await writeTinyFolder(folder, { config: { tie_word_embeddings: true } });
    const result = await run(folder);
    expect(result.manifest.config.tiedHead).toBe(true);
    expectTinyWeights(await readWeights(result.folder), tinyTensors(config));
  });
});

describe('presets', () => {
  const wide = {
    ...TINY_CONFIG,
    nEmbd: 256,
    nHead: 8,
    nKvHead: 8,
    headDim: 32,
    nFf: 256,
    nLayer: 1,
  };
  const half = (values: Float32Array) => new Uint8Array(Uint16Array.from(values, f32ToF16).buffer);

  test('edge keeps a tiny F32 model as it is', async () => {
    const { manifest } = await run(await put('tiny.gguf', tinyGguf()), { preset: 'edge' });
    expect(new Set(manifest.tensors.map(({ dtype }) => dtype))).toEqual(new Set(['f32']));
  });

  test.each([
    ['lossless', { embedding: 'f16', norm: 'f32', layer: 'f16' }, 0],
    ['edge', { embedding: 'q6', norm: 'f32', layer: 'q8' }, 0.05],
  ] as const)('%s of an F16 model', async (preset, want, bound) => {
    const tensors = tinyTensors(wide);
    const written = tensors.map(({ instance, values }) => {
      const isNorm = instance.spec.role === 'norm';
      const dims = instance.shape[0] === 1 ? [instance.shape[1]] : [...instance.shape];
      const dtype = isNorm ? ('F32' as const) : ('F16' as const);
      return { name: instance.gguf, dims, dtype, data: isNorm ? bytesOf(values) : half(values) };
    });
    const file = writeGguf({ metadata: tinyGgufMetadata(wide), tensors: written });
    const { manifest, folder } = await run(await put('half.gguf', file), { preset });
    const dtypeOf = (name: string) => manifest.tensors.find((t) => t.name === name)?.dtype;
    expect(dtypeOf('tokEmbd')).toBe(want.embedding);
    expect(dtypeOf('head')).toBe(want.embedding);
    expect(dtypeOf('outputNorm')).toBe(want.norm);
    expect(dtypeOf('layers.0.qProj')).toBe(want.layer);
    for (const { dtype, exact } of manifest.tensors) expect(exact).toBe(!dtype.startsWith('q'));
    const weights = await readWeights(folder);
    for (const { instance, values } of tensors) {
      const got = weights.get(instance.name)!;
      const error = Math.hypot(...values.map((v, i) => v - got[i]!)) / Math.hypot(...values);
      // Half precision itself rounds by 2^-11; the values have outliers of 20 times the rest (0.044).
      expect(error).toBeLessThan(instance.spec.role === 'norm' ? 1e-9 : 5e-4 + bound);
    }
  });

  test('an unknown preset names the known ones', async () => {
    const error = await failure(run(await put('tiny.gguf', tinyGguf()), { preset: 'small' }));
    expect(error.code).toBe('E_USAGE');
    expect(error.message).toContain('lossless or edge');
  });
});

describe('what does not fit the architecture is refused', () => {
  const tensors = tinyGgufTensors();
  const without = (name: string) => tensors.filter((tensor) => tensor.name !== name);

  test.each([
    [
      'a missing tensor',
      tinyGguf({}, without('blk.1.ffn_up.weight')),
      'E_TENSOR_MISSING',
      'blk.1.ffn_up',
    ],
    [
      'a tensor of another shape',
      tinyGguf({}, [
        ...without('blk.1.ffn_up.weight'),
        { ...tensors.find(({ name }) => name === 'blk.1.ffn_up.weight')!, dims: [40, 33] },
      ]),
      'E_TENSOR_SHAPE',
      'expected [33, 40], got [40, 33]',
    ],
    [
      'a tensor of no use',
      tinyGguf({}, [
        ...tensors,
        { name: 'blk.0.surprise', dims: [1], dtype: 'F32', data: new Uint8Array(4) },
      ]),
      'E_FORMAT_INVALID',
      'blk.0.surprise',
    ],
    [
      'a bias in one layer only',
      tinyGguf({}, [
        ...tensors,
        { name: 'blk.1.attn_q.bias', dims: [40], dtype: 'F32', data: new Uint8Array(160) },
      ]),
      'E_TENSOR_MISSING',
      'blk.0.attn_q.bias',
    ],
    [
      'fewer layers than tensors',
      tinyGguf({ 'llama.block_count': ['u32', 2] }),
      'E_FORMAT_INVALID',
      'blk.2.',
    ],
    [
      'more layers than tensors',
      tinyGguf({ 'llama.block_count': ['u32', 4] }),
      'E_TENSOR_MISSING',
      'blk.3.',
    ],
    [
      'another architecture',
      tinyGguf({ 'general.architecture': ['string', 'rwkv'] }),
      'E_ARCH_UNKNOWN',
      'rwkv',
    ],
    ['experts', tinyGguf({ 'llama.expert_count': ['u32', 8] }), 'E_FORMAT_INVALID', 'experts'],
    [
      'no heads',
      tinyGguf({ 'llama.attention.head_count': ['u32', 0] }),
      'E_FORMAT_INVALID',
      'config',
    ],
    [
      'a billion layers',
      tinyGguf({ 'llama.block_count': ['u32', 1e9] }),
      'E_FORMAT_INVALID',
      'nLayer',
    ],
    [
      'a missing key',
      tinyGguf({ 'llama.embedding_length': ['string', 'x'] }),
      'E_FORMAT_INVALID',
      'embedding_length',
    ],
  ] as const)('%s', async (_, file, code, text) => {
    const error = await failure(run(await put('bad.gguf', file)));
    expect(error.code).toBe(code);
    expect(error.message).toContain(text);
    expect(existsSync(join(outRoot(), 'tiny'))).toBe(false);
  });

  test('NaN and infinities in weights', async () => {
    for (const value of [NaN, Infinity, -Infinity]) {
      const data = bytesOf(randomValues(40 * 33, 1).fill(value, 700, 701));
      const file = tinyGguf({}, [
        ...without('blk.1.ffn_up.weight'),
        { name: 'blk.1.ffn_up.weight', dims: [33, 40], dtype: 'F32', data },
      ]);
      const error = await failure(run(await put('nan.gguf', file)));
      expect(error.code).toBe('E_FORMAT_INVALID');
      expect(error.message).toContain('blk.1.ffn_up.weight');
    }
  });

  test('biases the config asks for', async () => {
    await writeTinyFolder(join(root, 'hf'), { config: { attention_bias: true } });
    const error = await failure(run(join(root, 'hf')));
    expect(error.code).toBe('E_TENSOR_MISSING');
    expect(error.message).toContain('q_proj.bias');
  });

  test.each(['Upper', 'a/b', '..', '', 'x.partial', 'x.old'])('id %j', async (id) => {
    const error = await failure(run(await put('tiny.gguf', tinyGguf()), { id }));
    expect(error.code).toBe('E_USAGE');
  });

  test('a folder without a model, a path that is not there, a text file', async () => {
    await mkdir(join(root, 'empty'));
    const text = await put('notes.txt', 'nothing but text, and more than seven numbers of it');
    expect((await failure(run(join(root, 'empty')))).code).toBe('E_USAGE');
    expect((await failure(run(join(root, 'absent')))).code).toBe('E_USAGE');
    expect((await failure(run(text))).code).toBe('E_FORMAT_MAGIC');
  });
});

describe('cut off, full, twice', () => {
  /** Several shards, so that a cut has something before and behind it. */
  const big = {
    ...TINY_CONFIG,
    nEmbd: 256,
    nHead: 4,
    nKvHead: 4,
    headDim: 64,
    nFf: 2048,
    nLayer: 3,
  };
  const bigGguf = () =>
    writeGguf({ metadata: tinyGgufMetadata(big), tensors: tinyGgufTensors(tinyTensors(big)) });

  /** Runs an import that stops when half of its bytes are done. */
  async function cutOff(path: string): Promise<void> {
    const stop = new AbortController();
    const error = await failure(
      run(path, {
        signal: stop.signal,
        onProgress: ({ done, total }) => {
          if (total !== null && done > total * 0.8) stop.abort();
        },
      }),
    );
    expect(error.code).toBe('E_ABORTED');
    expect(await readdir(outRoot())).toEqual(['tiny.partial']);
  }

  test('an import that was cut off goes on, and gives what an uncut one gives', async () => {
    const path = await put('big.gguf', bigGguf());
    const whole = await run(path, { id: 'whole' });
    expect(whole.manifest.shards.length).toBeGreaterThan(2);
    expect(whole.manifest.shards.map(({ layers }) => layers)).toEqual([
      null,
      [0, 1],
      [1, 2],
      [2, 3],
    ]);
    await rm(whole.folder, { recursive: true });
    await cutOff(path);
    const resumed = await run(path);
    expect(resumed.keptShards).toBeGreaterThan(0);
    expect(resumed.keptShards).toBeLessThan(whole.manifest.shards.length);
    expect(resumed.manifest.shards).toEqual(whole.manifest.shards);
    expect(resumed.manifest.tensors).toEqual(whole.manifest.tensors);
    await expectWholeFolder(resumed.folder, resumed.manifest);
    expect(await readdir(outRoot())).toEqual(['tiny']);
  });

  test('kept shards that were damaged, or of another file, are written again', async () => {
    const path = await put('big.gguf', bigGguf());
    await cutOff(path);
    await truncate(join(outRoot(), 'tiny.partial', 'shard-0000.bin'), 1000);
    const result = await run(path);
    await expectWholeFolder(result.folder, result.manifest);
    await rm(result.folder, { recursive: true });
    await cutOff(path);
    const other = await run(await put('tiny.gguf', tinyGguf()));
    expect(other.keptShards).toBe(0);
    await expectWholeFolder(other.folder, other.manifest);
    expectTinyWeights(await readWeights(other.folder));
  });

  test('a journal cut off in the middle starts over', async () => {
    const path = await put('big.gguf', bigGguf());
    await cutOff(path);
    await truncate(join(outRoot(), 'tiny.partial', 'progress.json'), 50);
    const result = await run(path);
    expect(result.keptShards).toBe(0);
    await expectWholeFolder(result.folder, result.manifest);
  });

  test('a model is replaced only by force', async () => {
    const path = await put('tiny.gguf', tinyGguf());
    await run(path);
    expect((await failure(run(path))).code).toBe('E_USAGE');
    const again = await run(path, { force: true, about: { name: 'Again', licence: 'MIT' } });
    expect(again.manifest).toMatchObject({ name: 'Again', licence: 'MIT' });
    expect(await readdir(outRoot())).toEqual(['tiny']);
  });

  test.skipIf(!existsSync('/dev/full'))('a full disk says so and leaves no model', async () => {
    await mkdir(join(outRoot(), 'tiny.partial'), { recursive: true });
    await symlink('/dev/full', join(outRoot(), 'tiny.partial', 'shard-0000.bin'));
    const error = await failure(run(await put('tiny.gguf', tinyGguf())));
    expect(error.code).toBe('E_DISK');
    expect(error.message).toContain('the disk is full');
    expect(await readdir(outRoot())).toEqual(['tiny.partial']);
  });
});

function bytesOf(values: Float32Array): Uint8Array {
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength);
}
