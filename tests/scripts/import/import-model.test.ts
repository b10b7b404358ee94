import { mkdir, readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { f32ToF16 } from '../../../engine/quant/half.ts';
import { Tokenizer } from '../../../engine/text/tokenizer.ts';
import { writeGguf } from '../../support/gguf-writer.ts';
import {
  bytesOf,
  expectTinyWeights,
  expectWholeFolder,
  failure,
  put,
  readWeights,
  root,
  run,
} from '../../support/import-folder.ts';
import {
  TINY_CONFIG,
  TINY_PIECES,
  tinyGguf,
  tinyGgufMetadata,
  tinyGgufTensors,
  tinyLlama2c,
  tinyLlama2cVocab,
  tinySentencePiece,
  tinyTensors,
  tinyTokenizerFiles,
  writeTinyFolder,
} from '../../support/tiny-llama.ts';

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
    expect(result.manifest.sourceSha256).toMatch(/^[0-9a-f]{64}$/);
    await rm(join(root, names[2]!));
    const error = await failure(run(join(root, names[0]!), { force: true }));
    expect(error.code).toBe('E_SOURCE_UNAVAILABLE');
    expect(error.message).toContain(names[2]);
  });

  test('a folder of GGUF parts is all of them, whichever is missing is named', async () => {
    const tensors = tinyGgufTensors();
    const names = [1, 2].map((i) => `parts/tiny-0000${i}-of-00002.gguf`);
    await mkdir(join(root, 'parts'));
    for (const [no, name] of names.entries()) {
      const split = { 'split.no': ['u16', no], 'split.count': ['u16', 2] } as const;
      const metadata = no === 0 ? { ...tinyGgufMetadata(), ...split } : split;
      await put(name, writeGguf({ metadata, tensors: tensors.filter((_, i) => i % 2 === no) }));
    }
    const result = await run(join(root, 'parts'));
    expectTinyWeights(await readWeights(result.folder));
    await rm(join(root, names[0]!));
    const error = await failure(run(join(root, 'parts'), { force: true }));
    expect(error.code).toBe('E_SOURCE_UNAVAILABLE');
    expect(error.message).toContain('tiny-00001-of-00002.gguf');
  });

  test('a folder with only a tokenizer.model of SentencePiece', async () => {
    const folder = join(root, 'original');
    await writeTinyFolder(folder, {
      files: { 'tokenizer_config.json': '{"bos_token":"<s>","eos_token":{"content":"</s>"}}' },
    });
    await rm(join(folder, 'tokenizer.json'));
    await put('original/tokenizer.model', tinySentencePiece());
    const { manifest, folder: written } = await run(folder);
    expectTinyWeights(await readWeights(written));
    expect(manifest.tokenizer).toMatchObject({ addBos: true, bosId: 1, eosIds: [2] });
    const tokenizer = Tokenizer.parse(
      await readFile(join(written, 'tokenizer.json')),
      manifest.tokenizer,
    );
    const idOf = (piece: string) => TINY_PIECES.indexOf(piece);
    // 'ab' has a better score than ' a'.
    expect(tokenizer.encode('abab a', { special: false, bos: true })).toEqual([
      ...[1, idOf(' '), idOf('ab'), idOf('ab'), idOf(' a')],
    ]);
  });

  test('tokens that other files add to a tokenizer.model', async () => {
    const folder = join(root, 'added');
    await writeTinyFolder(folder, {
      files: { 'added_tokens.json': `{"<turn>":${TINY_PIECES.length - 1}}` },
    });
    await rm(join(folder, 'tokenizer.json'));
    await put('added/tokenizer.model', tinySentencePiece(TINY_PIECES.slice(0, -1)));
    const { manifest, folder: written } = await run(folder);
    const tokenizer = Tokenizer.parse(
      await readFile(join(written, 'tokenizer.json')),
      manifest.tokenizer,
    );
    expect(tokenizer.encode('<turn>', { special: true })).toEqual([TINY_PIECES.length - 1]);
  });

  test('a token of pictures that the embedding has no row for is left out, another is refused', async () => {
    const folder = join(root, 'beyond');
    await writeTinyFolder(folder);
    const { added_tokens, ...rest } = JSON.parse(tinyTokenizerFiles()['tokenizer.json']!) as {
      added_tokens: object[];
    };
    const beyond = (content: string) => {
      const row = { ...added_tokens[0], id: TINY_CONFIG.nVocab, content };
      return put(
        'beyond/tokenizer.json',
        JSON.stringify({ ...rest, added_tokens: [...added_tokens, row] }),
      );
    };
    await beyond('<turn>');
    expect((await failure(run(folder))).code).toBe('E_TOKENIZER_INVALID');
    await beyond('<image_soft_token>');
    const { manifest, folder: written } = await run(folder);
    const tokenizer = Tokenizer.parse(
      await readFile(join(written, 'tokenizer.json')),
      manifest.tokenizer,
    );
    expect(tokenizer.nVocab).toBe(TINY_CONFIG.nVocab);
    const ids = tokenizer.encode('<image_soft_token>', { special: true });
    expect(Math.max(...ids)).toBeLessThan(TINY_CONFIG.nVocab);
  });

  test('a token of pictures that has a row stays', async () => {
    const folder = join(root, 'within');
    const id = TINY_PIECES.length - 1;
    await writeTinyFolder(folder, {
      files: { 'added_tokens.json': `{"<image_soft_token>":${id}}` },
    });
    await rm(join(folder, 'tokenizer.json'));
    await put('within/tokenizer.model', tinySentencePiece(TINY_PIECES.slice(0, -1)));
    const { manifest, folder: written } = await run(folder);
    const tokenizer = Tokenizer.parse(
      await readFile(join(written, 'tokenizer.json')),
      manifest.tokenizer,
    );
    expect(tokenizer.encode('<image_soft_token>', { special: true })).toEqual([id]);
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
    expect(result.manifest.config).toMatchObject({ tiedHead: true });
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
    ['q6b', { embedding: 'q6', norm: 'f32', layer: 'q6b' }, 0.05],
    ['q6', { embedding: 'q6', norm: 'f32', layer: 'q6' }, 0.05],
    ['q5', { embedding: 'q6', norm: 'f32', layer: 'q5' }, 0.1],
    ['q4m', { embedding: 'q6', norm: 'f32', layer: 'q4m' }, 0.25],
    ['q4', { embedding: 'q6', norm: 'f32', layer: 'q4' }, 0.25],
  ] as const)('%s of an F16 model', async (preset, want, bound) => {
    const tensors = tinyTensors(wide);
    const written = tensors.map(({ instance, values }) => {
      const isNorm = instance.spec.role === 'norm';
      const dims = instance.shape[0] === 1 ? [instance.shape[1]] : [...instance.shape];
      const dtype = isNorm ? ('F32' as const) : ('F16' as const);
      return {
        name: instance.places.gguf!.name,
        dims,
        dtype,
        data: isNorm ? bytesOf(values) : half(values),
      };
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
    expect(error.message).toContain('lossless, edge, q8, q6b, q6, q5, mix, q4m, q4');
  });
});
