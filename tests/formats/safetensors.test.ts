import { describe, expect, test } from 'vitest';
import { memorySource } from '../../engine/formats/byte-source.ts';
import { readSafetensors, readSafetensorsIndex } from '../../engine/formats/safetensors.ts';
import { bitFlips, extremes, outcome, truncations, WatchedSource } from '../support/hostile.ts';
import { writeRawSafetensors, writeSafetensors } from '../support/safetensors-writer.ts';

const entry = (
  name: string,
  dtype: string,
  shape: number[],
  elementBytes: number,
  fill: number,
) => ({
  name,
  dtype,
  shape,
  data: new Uint8Array(shape.reduce((product, dim) => product * dim, elementBytes)).fill(fill),
});
const ENTRIES = [
  entry('a.weight', 'F32', [3, 5], 4, 1),
  entry('b.weight', 'F16', [7], 2, 2),
  entry('c "quoted" \\ \u00e9', 'BF16', [2, 3, 4], 2, 3),
];
const GOOD = writeSafetensors(ENTRIES);

describe('readSafetensors', () => {
  test('finds every tensor', async () => {
    const tensors = await readSafetensors([memorySource('good', GOOD)]);
    expect(tensors.map(({ name, dtype, dims }) => ({ name, dtype, dims }))).toEqual(
      ENTRIES.map(({ name, dtype, shape }) => ({ name, dtype, dims: shape })),
    );
    for (const [i, { source, offset, bytes }] of tensors.entries())
      expect(await source.read(offset, bytes)).toEqual(ENTRIES[i]!.data);
  });

  test('joins several files and refuses a name in both', async () => {
    const other = writeSafetensors([entry('d', 'F32', [1], 4, 9)]);
    const tensors = await readSafetensors([memorySource('1', GOOD), memorySource('2', other)]);
    expect(tensors.map(({ name }) => name)).toContain('d');
    const twice = readSafetensors([memorySource('1', GOOD), memorySource('2', GOOD)]);
    await expect(twice).rejects.toMatchObject({ code: 'E_FORMAT_INVALID' });
  });

  const one = (row: string, data = new Uint8Array(16)) => writeRawSafetensors(`{"a":${row}}`, data);
  test.each([
    ['no magic', new Uint8Array(64).fill(0x41), 'E_FORMAT_MAGIC', 'not a safetensors file'],
    ['nothing', new Uint8Array(0), 'E_FORMAT_MAGIC', 'not a safetensors file'],
    [
      'a header longer than the file',
      writeRawSafetensors('{}', new Uint8Array(0), 500n),
      'E_FORMAT_INVALID',
      'too long',
    ],
    [
      'a header of 2^64 bytes',
      writeRawSafetensors('{}', new Uint8Array(0), 2n ** 64n - 1n),
      'E_FORMAT_INVALID',
      'too long',
    ],
    ['broken JSON', writeRawSafetensors('{"a":', new Uint8Array(0)), 'E_FORMAT_INVALID', 'JSON'],
    [
      'an integer type',
      one('{"dtype":"I64","shape":[2],"data_offsets":[0,16]}'),
      'E_DTYPE_UNSUPPORTED',
      'BF16',
    ],
    [
      'a type of the prototype',
      one('{"dtype":"toString","shape":[2],"data_offsets":[0,16]}'),
      'E_DTYPE_UNSUPPORTED',
      'a',
    ],
    ['no type', one('null'), 'E_DTYPE_UNSUPPORTED', 'a'],
    ['no shape', one('{"dtype":"F32","data_offsets":[0,16]}'), 'E_FORMAT_INVALID', 'shape'],
    [
      'one offset',
      one('{"dtype":"F32","shape":[4],"data_offsets":[16]}'),
      'E_FORMAT_INVALID',
      'data_offsets',
    ],
    [
      'offsets of another size',
      one('{"dtype":"F32","shape":[4],"data_offsets":[0,12]}'),
      'E_FORMAT_INVALID',
      '16 bytes',
    ],
    [
      'a negative offset',
      one('{"dtype":"F32","shape":[4],"data_offsets":[-16,0]}'),
      'E_FORMAT_INVALID',
      'begin -16',
    ],
    [
      'a fractional offset',
      one('{"dtype":"F32","shape":[4],"data_offsets":[0.5,16.5]}'),
      'E_FORMAT_INVALID',
      'a',
    ],
    [
      'data behind the end',
      one('{"dtype":"F32","shape":[8],"data_offsets":[0,32]}'),
      'E_FORMAT_INVALID',
      'leaves the file',
    ],
    [
      'a negative dimension',
      one('{"dtype":"F32","shape":[-4],"data_offsets":[0,16]}'),
      'E_FORMAT_INVALID',
      'dimensions',
    ],
    [
      'a huge dimension',
      one('{"dtype":"F32","shape":[1e300],"data_offsets":[0,16]}'),
      'E_FORMAT_INVALID',
      'dimensions',
    ],
    [
      'five dimensions',
      one('{"dtype":"F32","shape":[1,1,1,1,4],"data_offsets":[0,16]}'),
      'E_FORMAT_INVALID',
      'dimensions',
    ],
    [
      'overlapping tensors',
      writeRawSafetensors(
        '{"a":{"dtype":"F32","shape":[4],"data_offsets":[0,16]},"b":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}',
        new Uint8Array(16),
      ),
      'E_FORMAT_INVALID',
      'overlap',
    ],
    [
      'a name twice, once in escapes',
      writeRawSafetensors(
        '{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},"\\u0061":{"dtype":"F32","shape":[2],"data_offsets":[8,16]}}',
        new Uint8Array(16),
      ),
      'E_FORMAT_INVALID',
      'twice',
    ],
  ] as const)('refuses %s', async (_, data, code, text) => {
    const error: unknown = await readSafetensors([memorySource('bad', data)]).catch(
      (e: unknown) => e,
    );
    expect(error).toMatchObject({ code });
    expect(String(error)).toContain(text);
  });
});

describe('readSafetensorsIndex', () => {
  const index = (json: unknown) =>
    readSafetensorsIndex(memorySource('index', new TextEncoder().encode(JSON.stringify(json))));

  test('names each file once', async () => {
    const weight_map = { a: 'm-2.safetensors', b: 'm-1.safetensors', c: 'm-2.safetensors' };
    expect(await index({ metadata: {}, weight_map })).toEqual([
      'm-1.safetensors',
      'm-2.safetensors',
    ]);
  });
  test.each([
    ['a path out of the folder', { weight_map: { a: '../x.safetensors' } }],
    ['an absolute path', { weight_map: { a: '/x.safetensors' } }],
    ['another kind of file', { weight_map: { a: 'config.json' } }],
    ['a number', { weight_map: { a: 3 } }],
    ['nothing', { weight_map: {} }],
    ['no map', {}],
    ['a list', [1, 2]],
  ])('refuses %s', async (_, json) => {
    expect(await outcome(() => index(json))).toBe('E_FORMAT_INVALID');
  });
});

describe('hostile files end in an EngineError, without reading more than there is', () => {
  const headerBytes = GOOD.byteLength - ENTRIES.reduce((sum, { data }) => sum + data.byteLength, 0);

  async function readAll(bytes: Uint8Array): Promise<string> {
    const source = new WatchedSource(bytes);
    const result = await outcome(async () => {
      for (const { offset, bytes: length } of await readSafetensors([source]))
        if (offset + length > source.bytes) throw new RangeError('a tensor outside the file');
    });
    expect(source.readBytes).toBeLessThanOrEqual(bytes.byteLength + 16);
    return result;
  }

  test('cut off anywhere', async () => {
    for (const cut of truncations(GOOD, 100, 1))
      expect(['E_FORMAT_INVALID', 'E_FORMAT_MAGIC']).toContain(await readAll(cut));
  });
  test('bits turned', { timeout: 120_000 }, async () => {
    const seen = new Set<string>();
    for (const bad of bitFlips(GOOD, { count: 5000, within: headerBytes, seed: 6 })) {
      seen.add(await readAll(bad));
    }
    expect([...seen].sort()).toEqual([
      'E_DTYPE_UNSUPPORTED',
      'E_FORMAT_INVALID',
      'E_FORMAT_MAGIC',
      'ok',
    ]);
  });
  test('extreme numbers everywhere', async () => {
    for (const bad of extremes(GOOD, headerBytes, 1)) expect(await readAll(bad)).not.toBe('ok');
  });
});
