/** Files of families whose tensors are parts, stacked, transposed or shifted, with something wrong. */
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { archByName, archTensors } from '../../../engine/archs/index.ts';
import type { ModelConfig } from '../../../engine/manifest/manifest.ts';
import { readGguf } from '../../../engine/formats/gguf.ts';
import { memorySource, readRange } from '../../../engine/formats/byte-source.ts';
import { writeGguf } from '../../support/gguf-writer.ts';
import type { WrittenTensor, WrittenValue } from '../../support/gguf-writer.ts';
import { failure, put, root, run } from '../../support/import-folder.ts';
import { randomConfig } from '../../support/random-llama.ts';
import {
  familyGguf,
  ggufMetadata,
  randomTensors,
  writeFamilyFolder,
} from '../../support/random-model.ts';

const EXPERTS = { nKvHead: 4, nExpert: 6, nExpertUsed: 2 };
const LEARNED = { nKvHead: 4, ropeDim: 0, tiedHead: true };

/** A right GGUF of a family, some of whose tensors `change` makes others or leaves out (null). */
async function changed(
  family: string,
  config: Partial<ModelConfig>,
  change: (tensor: WrittenTensor) => WrittenTensor | null,
  metadata: Readonly<Record<string, WrittenValue>> = {},
): Promise<string> {
  const arch = archByName(family);
  const c = { ...randomConfig(config), ...config };
  const bytes = familyGguf(arch, c, randomTensors(arch, c));
  const { tensors } = await readGguf([memorySource('right', bytes)]);
  const written: WrittenTensor[] = [];
  for (const { name, dims, dtype, source, offset, bytes: length } of tensors) {
    const data = await readRange(source, offset, length, name);
    const tensor = change({ name, dims, dtype, data });
    if (tensor !== null) written.push(tensor);
  }
  const all = { ...ggufMetadata(arch, c), ...metadata };
  return put('bad.gguf', writeGguf({ metadata: all, tensors: written }));
}

/** The tensor with other dimensions, and data for them. */
function sized(wanted: string, dims: readonly number[], dtype: 'F32' | 'Q8_0' = 'F32') {
  const values = dims.reduce((product, dim) => product * dim, 1);
  const data = new Uint8Array(dtype === 'F32' ? values * 4 : (values / 32) * 34);
  return (tensor: WrittenTensor): WrittenTensor =>
    tensor.name === wanted ? { name: wanted, dims, dtype, data } : tensor;
}
const without = (wanted: string) => (tensor: WrittenTensor) =>
  tensor.name === wanted ? null : tensor;

describe('refused by name', () => {
  const qkv = 'blk.1.attn_qkv.weight';
  const experts = 'blk.1.ffn_gate_exps.weight';
  const cases: readonly (readonly [string, () => Promise<string>, string, string])[] = [
    [
      'one matrix of q, k and v without its last rows',
      () => changed('phi3', {}, sized(qkv, [127, 64])),
      'E_TENSOR_SHAPE',
      `${qkv} (layers.1.qProj); expected [128, 64], got [127, 64]`,
    ],
    [
      'the same transposed',
      () => changed('phi3', {}, sized(qkv, [64, 128])),
      'E_TENSOR_SHAPE',
      'expected [128, 64], got [64, 128]',
    ],
    ['no matrix of q, k and v', () => changed('phi3', {}, without(qkv)), 'E_TENSOR_MISSING', qkv],
    [
      'q, k and v apart where they should be one',
      () =>
        changed('phi3', {}, (tensor) =>
          tensor.name === qkv ? { ...tensor, name: 'blk.1.attn_q.weight' } : tensor,
        ),
      'E_TENSOR_MISSING',
      qkv,
    ],
    [
      'quantized biases that a part would cut inside a block',
      () =>
        changed(
          'gpt2',
          { ...LEARNED, nEmbd: 48, headDim: 12 },
          sized('blk.0.attn_qkv.bias', [160], 'Q8_0'),
        ),
      'E_TENSOR_SHAPE',
      'blk.0.attn_qkv.bias',
    ],
    [
      'fewer positions than the context',
      () => changed('gpt2', LEARNED, sized('position_embd.weight', [64, 64])),
      'E_TENSOR_SHAPE',
      'position_embd.weight',
    ],
    [
      'fewer experts than the config says',
      () => changed('olmoe', EXPERTS, sized(experts, [5, 96, 64])),
      'E_TENSOR_SHAPE',
      `${experts} (layers.1.experts.0.gateProj); expected [6, 96, 64], got [5, 96, 64]`,
    ],
    [
      'experts in one flat matrix',
      () => changed('olmoe', EXPERTS, sized(experts, [6 * 96, 64])),
      'E_TENSOR_SHAPE',
      experts,
    ],
    [
      'more experts a token than there are',
      () =>
        changed('olmoe', EXPERTS, (tensor) => tensor, { 'olmoe.expert_used_count': ['u32', 7] }),
      'E_FORMAT_INVALID',
      'nExpertUsed 7 of 6',
    ],
    [
      'no experts at all',
      () => changed('olmoe', EXPERTS, (tensor) => tensor, { 'olmoe.expert_count': ['u32', 0] }),
      'E_FORMAT_INVALID',
      'nExpert',
    ],
    [
      'a norm of the whole row where one of each head is due',
      () => changed('qwen3', {}, sized('blk.0.attn_q_norm.weight', [64])),
      'E_TENSOR_SHAPE',
      'blk.0.attn_q_norm.weight',
    ],
    [
      'a head with fewer rows than the vocabulary',
      () => changed('qwen2', {}, sized('output.weight', [200, 64])),
      'E_TENSOR_SHAPE',
      'output.weight (head); expected [264, 64], got [200, 64]',
    ],
  ];
  test.each(cases)('%s', async (_, file, code, text) => {
    const error = await failure(run(await file()));
    expect(error.message).toContain(text);
    expect(error.code).toBe(code);
  });

  test('a Hugging Face GPT-2 whose matrices are not transposed', async () => {
    const arch = archByName('gpt2');
    const c = { ...randomConfig(LEARNED), ...LEARNED };
    const upright = archTensors(
      {
        ...arch,
        tensors: arch.tensors.map((spec) => ({ ...spec, hf: { ...spec.hf, transposed: false } })),
      },
      c,
    );
    const tensors = randomTensors(arch, c).map(({ values, instance }) => ({
      values,
      instance: upright.find(({ name }) => name === instance.name)!,
    }));
    const folder = join(root, 'hf');
    await writeFamilyFolder(folder, arch, c, tensors);
    const error = await failure(run(folder));
    expect(error.code).toBe('E_TENSOR_SHAPE');
    expect(error.message).toContain('h.0.attn.c_attn.weight (layers.0.qProj); expected [64, 192]');
  });

  test.each([
    ['olmoe', EXPERTS, { clip_qkv: 8 }, 'clip_qkv 8'],
    ['gpt2', LEARNED, { scale_attn_by_inverse_layer_idx: true }, 'scale_attn_by_inverse_layer_idx'],
    ['stablelm', {}, { use_parallel_residual: true }, 'use_parallel_residual'],
    ['qwen2', { nLayer: 3 }, { sliding_window: 8, layer_types: ['full_attention'] }, 'layer_types'],
    ['gemma2', { tiedHead: true }, { hidden_activation: 'gelu' }, 'hidden_activation "gelu"'],
    [
      'gemma3',
      { tiedHead: true },
      { use_bidirectional_attention: true },
      'use_bidirectional_attention true is not supported',
    ],
    ['phi3', {}, { rope_scaling: { type: 'longrope', short_factor: [1] } }, 'long_factor'],
  ] as const)('%s with config.json %j', async (family, config, fields, text) => {
    const arch = archByName(family);
    const c = { ...randomConfig(config), ...config };
    const folder = join(root, 'hf');
    await writeFamilyFolder(folder, arch, c, randomTensors(arch, c), fields);
    const error = await failure(run(folder));
    expect(error.code).toBe('E_FORMAT_INVALID');
    expect(error.message).toContain(text);
  });
});
