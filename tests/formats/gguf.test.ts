import { describe, expect, test } from 'vitest';
import { memorySource } from '../../engine/formats/byte-source.ts';
import { ggufSplitNames, readGguf } from '../../engine/formats/gguf.ts';
import { tokenizerJsonFromGguf } from '../../engine/text/tokenizer-json.ts';
import { LLAMA } from '../../engine/archs/decoders/llama.ts';
import { configFromGguf } from '../../scripts/import/open/gguf-config.ts';
import { writeGguf } from '../support/gguf-writer.ts';
import type { WrittenGguf, WrittenTensor } from '../support/gguf-writer.ts';
import { bitFlips, extremes, outcome, truncations, WatchedSource } from '../support/hostile.ts';
import {
  TINY_CONFIG,
  tinyGgufMetadata,
  tinyGgufTensors,
  tinyTensors,
} from '../support/tiny-llama.ts';

const read = (file: WrittenGguf) => readGguf([memorySource('test.gguf', writeGguf(file))]);
const f32Tensor = (name: string, dims: readonly number[]): WrittenTensor => ({
  name,
  dims,
  dtype: 'F32',
  data: new Uint8Array(dims.reduce((product, dim) => product * dim, 4)).fill(1),
});

describe('readGguf', () => {
  test.each([2, 3])('reads every kind of value in version %i', async (version) => {
    const file = await read({
      version,
      metadata: {
        u8: ['u8', 255],
        i8: ['i8', -128],
        u16: ['u16', 65535],
        i16: ['i16', -32768],
        u32: ['u32', 4294967295],
        i32: ['i32', -2147483648],
        f32: ['f32', 0.5],
        yes: ['bool', true],
        no: ['bool', false],
        u64: ['u64', 2n ** 53n - 1n],
        bigU64: ['u64', 2n ** 64n - 1n],
        i64: ['i64', -(2n ** 63n)],
        f64: ['f64', Math.PI],
        text: ['string', 'Käse 🧀'],
        // A vocabulary may hold the byte order mark as a token.
        mark: ['string', '\ufeffx'],
        empty: ['string', ''],
        list: ['array', 'i16', [1, -2, 3]],
        flags: ['array', 'bool', [true, false]],
        texts: ['strings', ['a', '', 'b']],
        lists: ['arrays', [[1, 2], [], [3]]],
      },
      tensors: [],
    });
    expect(file.version).toBe(version);
    expect(Object.fromEntries(file.metadata)).toEqual({
      u8: 255,
      i8: -128,
      u16: 65535,
      i16: -32768,
      u32: 4294967295,
      i32: -2147483648,
      f32: 0.5,
      yes: true,
      no: false,
      u64: Number.MAX_SAFE_INTEGER,
      bigU64: 2n ** 64n - 1n,
      i64: -(2n ** 63n),
      f64: Math.PI,
      text: 'Käse 🧀',
      mark: '\ufeffx',
      empty: '',
      list: [1, -2, 3],
      flags: [true, false],
      texts: ['a', '', 'b'],
      lists: [[1, 2], [], [3]],
    });
  });

  test.each([8, 32, 256])('finds tensors with an alignment of %i', async (alignment) => {
    const tensors = [f32Tensor('a', [3, 5]), f32Tensor('b', [7]), f32Tensor('c', [2, 3, 4, 5])];
    const data = tensors.map((tensor, i) => ({ ...tensor, data: tensor.data.fill(i + 1) }));
    const file = await read({
      metadata: { 'general.alignment': ['u32', alignment] },
      tensors: data,
    });
    expect(file.tensors.map(({ name, dims }) => [name, dims])).toEqual([
      ['a', [3, 5]],
      ['b', [7]],
      ['c', [2, 3, 4, 5]],
    ]);
    for (const [i, { source, offset, bytes }] of file.tensors.entries()) {
      expect(offset % alignment).toBe(0);
      expect(await source.read(offset, bytes)).toEqual(data[i]!.data);
    }
  });

  test('reads block types by their sizes', async () => {
    const tensors = [
      { name: 'a', dims: [2, 64], dtype: 'Q4_1', data: new Uint8Array(80) },
      { name: 'b', dims: [1, 512], dtype: 'Q6_K', data: new Uint8Array(420) },
    ] as const;
    const file = await read({ metadata: {}, tensors });
    expect(file.tensors.map(({ dtype, bytes }) => [dtype, bytes])).toEqual([
      ['Q4_1', 80],
      ['Q6_K', 420],
    ]);
  });
});

describe('split files', () => {
  const part = (no: number, count: number, total: number, name: string) =>
    memorySource(
      `part-${no}`,
      writeGguf({
        metadata: {
          'split.no': ['u16', no],
          'split.count': ['u16', count],
          'split.tensors.count': ['i32', total],
        },
        tensors: [f32Tensor(name, [4])],
      }),
    );

  test('are read as one', async () => {
    const file = await readGguf([part(0, 2, 2, 'a'), part(1, 2, 2, 'b')]);
    expect(file.tensors.map(({ name }) => name)).toEqual(['a', 'b']);
  });
  test.each([
    ['one of two', [part(0, 2, 2, 'a')]],
    ['in the wrong order', [part(1, 2, 2, 'b'), part(0, 2, 2, 'a')]],
    ['of another split', [part(0, 3, 2, 'a'), part(1, 3, 2, 'b')]],
    ['with tensors missing', [part(0, 2, 3, 'a'), part(1, 2, 3, 'b')]],
    ['with a tensor twice', [part(0, 2, 2, 'a'), part(1, 2, 2, 'a')]],
  ])('%s are refused', async (_, parts) => {
    expect(await outcome(() => readGguf(parts))).toBe('E_FORMAT_INVALID');
  });
  test('are found by name', () => {
    expect(ggufSplitNames('m-00002-of-00002.gguf')).toEqual([
      'm-00001-of-00002.gguf',
      'm-00002-of-00002.gguf',
    ]);
    expect(ggufSplitNames('m.gguf')).toBeNull();
    expect(ggufSplitNames('m-00001-of-00000.gguf')).toBeNull();
  });
});

describe('Q2_0, whose number two kinds of blocks share', () => {
  const q2 = (name: string, rows: number, bytesOf128: number): WrittenTensor => ({
    name,
    dims: [rows, 256],
    dtype: 'Q2_0',
    data: new Uint8Array(rows * 2 * bytesOf128),
  });

  test('is read in blocks of 64', async () => {
    const { tensors } = await read({ metadata: {}, tensors: [q2('a', 32, 36), q2('b', 32, 36)] });
    expect(tensors.map(({ bytes }) => bytes)).toEqual([32 * 72, 32 * 72]);
  });

  test.each([
    ['before another tensor', [q2('a', 32, 34), f32Tensor('b', [64])]],
    ['at the end of the file', [f32Tensor('b', [64]), q2('a', 32, 34)]],
  ])('is refused by name in blocks of 128, %s', async (_, tensors) => {
    const error: unknown = await read({ metadata: {}, tensors }).catch((e: unknown) => e);
    expect(error).toMatchObject({ code: 'E_DTYPE_UNSUPPORTED' });
    expect(String(error)).toContain('tensor a: element type Q2_0 in blocks of 128');
  });
});

describe('what is refused', () => {
  const a = f32Tensor('a', [4]);
  const file = (more: Partial<WrittenGguf>) => writeGguf({ metadata: {}, tensors: [a], ...more });
  const patched = (offset: number, ...bytes: number[]) => {
    const data = file({});
    data.set(bytes, offset);
    return data;
  };

  test.each([
    ['a wrong magic', patched(0, 0x47, 0x47, 0x55, 0x47), 'E_FORMAT_MAGIC', 'not a GGUF file'],
    ['an empty file', new Uint8Array(0), 'E_FORMAT_MAGIC', 'not a GGUF file'],
    ['version 1', file({ version: 1 }), 'E_FORMAT_VERSION', 'version 1'],
    ['version 4', file({ version: 4 }), 'E_FORMAT_VERSION', 'version 4'],
    ['big endian', patched(4, 0, 0, 0, 3), 'E_FORMAT_VERSION', 'big endian'],
    ['more tensors than bytes', file({ nTensor: 2n ** 40n }), 'E_FORMAT_INVALID', 'tensors'],
    ['more keys than bytes', file({ nKey: 2n ** 64n - 1n }), 'E_FORMAT_INVALID', 'keys'],
    ['an unknown type', file({ tensors: [{ ...a, dtype: 99 }] }), 'E_DTYPE_UNSUPPORTED', 'Q6_K'],
    ['a type we lack', file({ tensors: [{ ...a, dtype: 40 }] }), 'E_DTYPE_UNSUPPORTED', 'NVFP4'],
    ['a dimension of 0', file({ tensors: [{ ...a, dims: [0] }] }), 'E_FORMAT_INVALID', 'tensor a'],
    ['no dimensions', file({ tensors: [{ ...a, dims: [] }] }), 'E_FORMAT_INVALID', 'rank'],
    [
      'five dimensions',
      file({ tensors: [{ ...a, dims: [1, 1, 1, 1, 1] }] }),
      'E_FORMAT_INVALID',
      'rank',
    ],
    [
      'a huge dimension',
      file({ tensors: [{ ...a, dims: [2n ** 63n] }] }),
      'E_FORMAT_INVALID',
      'tensor a',
    ],
    [
      'dimensions whose product overflows',
      file({ tensors: [{ ...a, dims: [2n ** 32n, 2n ** 32n] }] }),
      'E_FORMAT_INVALID',
      'tensor a',
    ],
    [
      'a row of half a block',
      file({ tensors: [{ ...a, dims: [2, 48], dtype: 'Q4_0' }] }),
      'E_FORMAT_INVALID',
      'block',
    ],
    [
      'data behind the end',
      file({ tensors: [{ ...a, dims: [400] }] }),
      'E_FORMAT_INVALID',
      'leaves the file',
    ],
    ['an odd offset', file({ tensors: [{ ...a, offset: 4 }] }), 'E_FORMAT_INVALID', 'offset'],
    ['a huge offset', file({ tensors: [{ ...a, offset: 2n ** 63n }] }), 'E_FORMAT_INVALID', 'a'],
    [
      'overlapping tensors',
      file({ tensors: [a, { ...a, name: 'b', offset: 0 }] }),
      'E_FORMAT_INVALID',
      'overlap',
    ],
    ['a name twice', file({ tensors: [a, a] }), 'E_FORMAT_INVALID', 'twice'],
    [
      'a long name',
      file({ tensors: [{ ...a, name: 'x'.repeat(300) }] }),
      'E_FORMAT_INVALID',
      'name',
    ],
    [
      'an alignment of 3',
      file({ metadata: { 'general.alignment': ['u32', 3] } }),
      'E_FORMAT_INVALID',
      'alignment',
    ],
    [
      'an alignment of 0',
      file({ metadata: { 'general.alignment': ['u64', 0] } }),
      'E_FORMAT_INVALID',
      'alignment',
    ],
  ] as const)('%s', async (_, data, code, text) => {
    const error: unknown = await readGguf([memorySource('bad.gguf', data)]).catch(
      (e: unknown) => e,
    );
    expect(error).toMatchObject({ code });
    expect(String(error)).toContain(text);
  });

  test('arrays nested deeper than any real one', async () => {
    const deep = new Uint8Array(12 * 2000);
    const view = new DataView(deep.buffer);
    for (let at = 0; at < deep.byteLength; at += 12) {
      view.setUint32(at, 9, true);
      view.setBigUint64(at + 4, 1n, true);
    }
    // One key 'k' whose value is an array of an array of an array...
    const head = Uint8Array.from([...'GGUF'].map((c) => c.charCodeAt(0)));
    const data = new Uint8Array(24 + 13 + deep.byteLength);
    const out = new DataView(data.buffer);
    data.set(head);
    out.setUint32(4, 3, true);
    out.setBigUint64(16, 1n, true);
    out.setBigUint64(24, 1n, true);
    out.setUint8(32, 0x6b);
    out.setUint32(33, 9, true);
    data.set(deep, 37);
    expect(await outcome(() => readGguf([memorySource('deep.gguf', data)]))).toBe(
      'E_FORMAT_INVALID',
    );
  });
});

describe('hostile files end in an EngineError, without reading more than there is', () => {
  const config = { ...TINY_CONFIG, nLayer: 1 };
  const tensors = tinyGgufTensors(tinyTensors(config));
  const data = writeGguf({ metadata: tinyGgufMetadata(config), tensors });
  const headerBytes = data.byteLength - tensors.reduce((sum, t) => sum + t.data.byteLength + 31, 0);

  /** Everything that is done with a GGUF file before weights are read. */
  async function readAll(bytes: Uint8Array): Promise<string> {
    const source = new WatchedSource(bytes);
    const result = await outcome(async () => {
      const file = await readGguf([source]);
      for (const { offset, bytes: length } of file.tensors)
        if (offset + length > source.bytes) throw new RangeError('a tensor outside the file');
      configFromGguf('hostile', file.metadata, LLAMA, { hasHead: true, ropeFactors: null });
      tokenizerJsonFromGguf(file.metadata);
    });
    expect(source.readBytes).toBeLessThanOrEqual(2 * bytes.byteLength);
    return result;
  }

  test('the whole file is good', async () => {
    expect(headerBytes).toBeGreaterThan(5000);
    expect(await readAll(data)).toBe('ok');
  });
  test('cut off anywhere', { timeout: 120_000 }, async () => {
    for (const cut of truncations(data, 200, 37)) {
      expect(['E_FORMAT_INVALID', 'E_FORMAT_MAGIC']).toContain(await readAll(cut));
    }
  });
  test('bits turned', { timeout: 120_000 }, async () => {
    const seen = new Map<string, number>();
    for (const bad of bitFlips(data, { count: 3000, within: headerBytes, seed: 5 })) {
      const code = await readAll(bad);
      seen.set(code, (seen.get(code) ?? 0) + 1);
    }
    // Most flips hit something that matters; some only change a token's text.
    expect(seen.get('E_FORMAT_INVALID')).toBeGreaterThan(500);
    expect([...seen.keys()].sort()).toEqual(expect.arrayContaining(['E_FORMAT_INVALID', 'ok']));
  });
  test('extreme numbers everywhere', { timeout: 120_000 }, async () => {
    let refused = 0;
    for (const bad of extremes(data, headerBytes, 5)) if ((await readAll(bad)) !== 'ok') refused++;
    expect(refused).toBeGreaterThan(1000);
  });
});
