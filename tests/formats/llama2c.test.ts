import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { memorySource } from '../../engine/formats/byte-source.ts';
import { readLlama2c, readLlama2cVocab } from '../../engine/formats/llama2c.ts';
import type { Llama2cFile } from '../../engine/formats/llama2c.ts';
import { dequantize } from '../../engine/quant/dequantize.ts';
import { bitFlips, extremes, outcome, truncations, WatchedSource } from '../support/hostile.ts';
import {
  TINY_CONFIG,
  tinyLlama2c,
  tinyLlama2cVocab,
  TINY_PIECES,
  tinyTensors,
} from '../support/tiny-llama.ts';

const assets = join(import.meta.dirname, '../../assets/stories260k');
const STORIES = new Uint8Array(readFileSync(join(assets, 'stories260K.bin')));
const TOKENS = new Uint8Array(readFileSync(join(assets, 'tok512.bin')));
const SMALL = { ...TINY_CONFIG, nLayer: 1, nCtx: 4 };

async function values(file: Llama2cFile): Promise<Map<string, Float32Array>> {
  const all = new Map<string, Float32Array>();
  for (const { name, source, offset, bytes } of file.tensors)
    all.set(name, dequantize('F32', await source.read(offset, bytes)));
  return all;
}

describe('readLlama2c', () => {
  test('reads the real stories260K', async () => {
    const { header, tensors } = await readLlama2c(memorySource('stories', STORIES));
    expect(header).toEqual({
      version: 0,
      nEmbd: 64,
      nFf: 172,
      nLayer: 5,
      nHead: 8,
      nKvHead: 4,
      nVocab: 512,
      nCtx: 512,
      tiedHead: true,
    });
    expect(tensors.reduce((sum, { bytes }) => sum + bytes / 4, 0)).toBe(260_032);
    // A norm's weights lie around one; a reader off by a few bytes would not see that.
    const norms = [...(await values({ header, tensors }))].filter(([name]) =>
      name.includes('norm'),
    );
    expect(norms).toHaveLength(11);
    for (const [, norm] of norms) {
      const mean = norm.reduce((sum, v) => sum + v, 0) / norm.length;
      expect(mean).toBeGreaterThan(0.3);
      expect(Math.min(...norm)).toBeGreaterThan(0);
    }
  });

  test.each([
    [0, false],
    [0, true],
    [1, false],
    [1, true],
  ] as const)('version %i, tied head %s', async (version, tiedHead) => {
    const config = { ...TINY_CONFIG, tiedHead };
    const tensors = tinyTensors(config);
    const data = tinyLlama2c(version, tensors, config);
    const file = await readLlama2c(memorySource('tiny', data));
    expect(file.header).toMatchObject({ version, tiedHead, nVocab: config.nVocab });
    const got = await values(file);
    expect([...got.keys()].sort()).toEqual(
      tensors.map(({ instance }) => instance.places.gguf!.name).sort(),
    );
    for (const { instance, values: want } of tensors)
      expect(got.get(instance.places.gguf!.name)).toEqual(want);
  });

  test('version 2 (quantized) is refused with the way out', async () => {
    const data = tinyLlama2c(1, tinyTensors(SMALL), SMALL);
    data[4] = 2;
    const error: unknown = await readLlama2c(memorySource('v2', data)).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'E_FORMAT_VERSION' });
    expect(String(error)).toContain('--version 1');
  });

  test('one byte too many or too few', async () => {
    const data = tinyLlama2c(0, tinyTensors(SMALL), SMALL);
    for (const bad of [data.slice(0, -1), Uint8Array.from([...data, 0])]) {
      expect(await outcome(() => readLlama2c(memorySource('bad', bad)))).toBe('E_FORMAT_INVALID');
    }
  });
});

describe('readLlama2cVocab', () => {
  test('reads the real tok512', async () => {
    const { pieces, scores } = await readLlama2cVocab(memorySource('tok', TOKENS), 512);
    expect(pieces).toHaveLength(512);
    expect(pieces.slice(0, 4)).toEqual(['<unk>', '\n<s>\n', '\n</s>\n', '<0x00>']);
    expect(pieces.slice(259, 262)).toEqual([' t', 'he', ' a']);
    expect(scores[262]).toBe(-3);
  });
  test('wants the vocabulary of this very model', async () => {
    for (const nVocab of [0, 511, 513, 32000, 2 ** 24])
      expect(await outcome(() => readLlama2cVocab(memorySource('tok', TOKENS), nVocab))).toBe(
        'E_TOKENIZER_INVALID',
      );
  });
  test('hostile ones end in E_TOKENIZER_INVALID', async () => {
    const good = tinyLlama2cVocab();
    const nVocab = TINY_PIECES.length;
    const readVocab = (data: Uint8Array) =>
      outcome(() => readLlama2cVocab(new WatchedSource(data), nVocab));
    expect(await readVocab(good)).toBe('ok');
    for (const cut of truncations(good, 50, 7))
      expect(await readVocab(cut)).toBe('E_TOKENIZER_INVALID');
    for (const bad of bitFlips(good, { count: 3000, within: good.byteLength, seed: 8 }))
      expect(['ok', 'E_TOKENIZER_INVALID']).toContain(await readVocab(bad));
    for (const bad of extremes(good, good.byteLength, 11))
      expect(['ok', 'E_TOKENIZER_INVALID']).toContain(await readVocab(bad));
  });
});

describe('hostile files end in an EngineError, without reading more than there is', () => {
  describe.each([0, 1] as const)('version %i', (version) => {
    const data = tinyLlama2c(version, tinyTensors(SMALL), SMALL);

    async function readAll(bytes: Uint8Array): Promise<string> {
      const source = new WatchedSource(bytes);
      const result = await outcome(async () => {
        for (const { offset, bytes: length } of (await readLlama2c(source)).tensors)
          if (offset + length > source.bytes) throw new RangeError('a tensor outside the file');
      });
      expect(source.readBytes).toBeLessThanOrEqual(bytes.byteLength);
      return result;
    }

    test('cut off anywhere', async () => {
      expect(await readAll(data)).toBe('ok');
      for (const cut of truncations(data, 300, 101)) expect(await readAll(cut)).not.toBe('ok');
    });
    test('bits turned in the header', async () => {
      const seen = new Set<string>();
      for (const bad of bitFlips(data, { count: 5000, within: 37, seed: 9 })) {
        seen.add(await readAll(bad));
      }
      // Without a magic a flip may leave a model of the very same length (heads for heads).
      expect([...seen].sort().filter((code) => code !== 'E_FORMAT_VERSION')).toEqual([
        'E_FORMAT_INVALID',
        'E_FORMAT_MAGIC',
        'ok',
      ]);
    });
    test('extreme numbers', async () => {
      for (const bad of extremes(data, 36, 1)) {
        const result = await readAll(bad);
        expect(['E_FORMAT_INVALID', 'E_FORMAT_MAGIC', 'E_FORMAT_VERSION', 'ok']).toContain(result);
      }
    });
  });
});
