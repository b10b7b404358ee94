/** PyTorch files of the older layout: a real one, and pickles that must do nothing. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { EngineError } from '../../engine/base/errors.ts';
import { memorySource } from '../../engine/formats/byte-source.ts';
import { readPytorch, startsLikePytorch } from '../../engine/formats/pytorch.ts';
import { repoRoot } from '../../scripts/lib/paths.ts';
import { seededRandom } from '../support/random.ts';

const FILE = readFileSync(join(repoRoot, 'tests/golden/tiny-efficientnet.pth'));
const read = (bytes: Uint8Array) => readPytorch(memorySource('model.pth', bytes));

const codes = (text: string): number[] => [...text].map((char) => char.charCodeAt(0));
const int = (value: number): number[] => [...new Uint8Array(Int32Array.of(value).buffer)];
const name = (text: string): number[] => [0x58, ...int(text.length), ...codes(text)];
const pickle = (...body: number[]): number[] => [0x80, 2, ...body, 0x2e];
const MAGIC = [...FILE.subarray(0, 15)];
const HEAD = [...MAGIC, ...pickle(0x4d, 0xe9, 3), ...pickle(0x7d)];
const global = (module: string, of: string): number[] => [0x63, ...codes(`${module}\n${of}\n`)];
const counts = (values: readonly number[]): number[] => [
  ...[0x28, ...values.flatMap((value) => [0x4a, ...int(value)]), 0x74],
];

/** A file with one tensor `w` of floats. */
function fileWith(
  { elements = 4, start = 0, dims = [2, 2], strides = [2, 1] },
  stored = elements,
  type = 'FloatStorage',
): Uint8Array {
  const storage = [
    ...[0x28, ...name('storage'), ...global('torch', type), ...name('7'), ...name('cpu')],
    ...[0x4a, ...int(elements), 0x4e, 0x74, 0x51],
  ];
  const tensor = [
    ...[...global('torch._utils', '_rebuild_tensor_v2'), 0x28, ...storage, 0x4a, ...int(start)],
    ...[...counts(dims), ...counts(strides), 0x89, 0x7d, 0x74, 0x52],
  ];
  const dictionary = [0x7d, 0x28, ...name('w'), ...tensor, 0x75];
  const values = new Uint8Array(Float32Array.from({ length: stored }, (_, i) => i).buffer);
  return Uint8Array.from([
    ...[...HEAD, ...pickle(...dictionary), ...pickle(0x5d, 0x28, ...name('7'), 0x65)],
    ...[...int(stored), ...int(0), ...values],
  ]);
}

async function valuesOf(bytes: Uint8Array): Promise<number[]> {
  const [tensor] = await read(bytes);
  const data = await tensor!.source.read(tensor!.offset, tensor!.bytes);
  return [...new Float32Array(Uint8Array.from(data).buffer)];
}

test('every tensor of floats, with its place', async () => {
  expect(startsLikePytorch(FILE)).toBe(true);
  const tensors = await read(FILE);
  const byName = new Map(tensors.map((tensor) => [tensor.name, tensor]));
  expect(byName.get('_conv_stem.weight')?.dims).toEqual([32, 3, 3, 3]);
  expect(byName.get('_blocks.2._depthwise_conv.weight')?.dims).toEqual([72, 1, 5, 5]);
  expect(byName.get('_fc.bias')?.dims).toEqual([10]);
  // Counters of batches are no weights.
  expect([...byName.keys()].filter((key) => key.endsWith('num_batches_tracked'))).toEqual([]);
});

test('values as they lie, transposed, and from the middle of a storage', async () => {
  expect(await valuesOf(fileWith({}))).toEqual([0, 1, 2, 3]);
  expect(await valuesOf(fileWith({ strides: [1, 2] }))).toEqual([0, 2, 1, 3]);
  expect(await valuesOf(fileWith({ elements: 6, start: 2 }))).toEqual([2, 3, 4, 5]);
});

describe('refused', () => {
  test.each<[string, Uint8Array, string]>([
    ['a tensor that leaves its storage', fileWith({ dims: [3, 2] }), 'leaves its storage'],
    ['strides that leave it', fileWith({ strides: [1, 3] }), 'strides within'],
    ['a start outside of it', fileWith({ start: 9 }), 'leaves its storage'],
    ['a storage that lies about its length', fileWith({}, 3), 'lies'],
    ['a storage that is larger than the file', fileWith({ elements: 2 ** 30 }, 4), 'lies'],
    ['a size of nothing', fileWith({ dims: [0, 2] }), 'impossible'],
    ['a negative size', fileWith({ dims: [-2, -2] }), 'sizes and strides'],
    ['quantized storages', fileWith({}, 4, 'QInt8Storage'), 'names "torch.QInt8Storage"'],
    [
      'a function',
      Uint8Array.from([...HEAD, ...pickle(...global('os', 'system'), ...name('ls'), 0x85, 0x52)]),
      'names "os.system"',
    ],
    [
      'a call of what is no function',
      Uint8Array.from([...HEAD, ...pickle(0x4e, 0x29, 0x52)]),
      'calls no function',
    ],
    ['an unknown instruction', Uint8Array.from([...HEAD, ...pickle(0x81)]), 'instruction 0x81'],
    [
      'a list instead of a dictionary',
      Uint8Array.from([...HEAD, ...pickle(0x5d)]),
      'no dictionary',
    ],
    ['a version of another writer', Uint8Array.from([...MAGIC, ...pickle(0x4b, 1)]), 'version'],
    ['a long text', Uint8Array.from([...HEAD, 0x80, 2, 0x58, ...int(2 ** 30)]), 'has a long text'],
  ])('%s', async (_, bytes, text) => {
    await expect(read(bytes)).rejects.toMatchObject({ code: 'E_FORMAT_INVALID' });
    await expect(read(bytes)).rejects.toThrow(text);
  });

  test('a dictionary that holds itself, and one that is filled for ever', async () => {
    const itself = [0x7d, 0x71, 0, 0x28, ...name('w'), 0x68, 0, 0x75];
    await expect(read(Uint8Array.from([...HEAD, ...pickle(...itself)]))).rejects.toThrow(
      'is no tensor',
    );
    const marks = new Uint8Array(HEAD.length + 1_100_000).fill(0x28);
    marks.set([...HEAD, 0x80, 2]);
    await expect(read(marks)).rejects.toThrow('is too deep');
  });

  test('a file that is cut off anywhere, or changed anywhere, has a coded error or its tensors', async () => {
    const random = seededRandom(7);
    for (let i = 0; i < 300; i++) {
      const bytes = Uint8Array.from(FILE.subarray(0, 24_000));
      for (let k = 0; k < 3; k++)
        bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
      const failure: unknown = await read(bytes).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(EngineError);
    }
    for (let i = 0; i < 200; i++) {
      const cut = FILE.subarray(0, Math.floor(random() * FILE.length));
      const failure: unknown = await read(cut).catch((error: unknown) => error);
      expect(failure).toBeInstanceOf(EngineError);
    }
  });
});
