import { existsSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { bytesOf, failure, outRoot, put, root, run } from '../../support/import-folder.ts';
import { randomValues } from '../../support/random.ts';
import { tinyGguf, tinyGgufTensors, writeTinyFolder } from '../../support/tiny-llama.ts';

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
