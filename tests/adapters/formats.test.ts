/** Adapters as PEFT and gguf-py write them, against logits of PEFT and torch; and what is refused. */
import { join } from 'node:path';
import { beforeAll, describe, expect, it } from 'vitest';
import type { Adapter } from '../../engine/adapters/adapter.ts';
import { readGgufAdapter } from '../../engine/adapters/gguf-adapter.ts';
import { readPeft } from '../../engine/adapters/peft.ts';
import { decodeStored, encodeStored } from '../../engine/adapters/stored.ts';
import { writeGgufAdapter } from '../../engine/adapters/write-gguf.ts';
import { writePeft } from '../../engine/adapters/write-peft.ts';
import { memorySource } from '../../engine/formats/byte-source.ts';
import type { JsonObject } from '../../engine/formats/json.ts';
import type { DecoderManifest } from '../../engine/manifest/manifest.ts';
import type { Decoder } from '../../engine/model/decoder/decoder.ts';
import {
  FIXTURE_CONFIG,
  goldenLogits,
  largestGap,
  logitsWith,
  peftFixture,
  readGgufFixture,
  readPeftFixture,
  writeBaseFolder,
  writeBaseGguf,
} from '../support/adapter-fixtures.ts';
import type { GoldenLogits } from '../support/adapter-fixtures.ts';
import { writeGguf } from '../support/gguf-writer.ts';
import { decoderFrom, temporaryFolder } from '../support/models.ts';
import { writeRawSafetensors, writeSafetensors } from '../support/safetensors-writer.ts';

/** Keys and values are halves. Measured: 7.9e-3 where adapters change logits by 1 and more. */
const LOGIT_DIFFERENCE = 1.5e-2;
const BASE = { architecture: 'llama', config: FIXTURE_CONFIG };
const ADAPTER_BYTES = 1 << 20;

describe.each(['folder', 'gguf'] as const)('adapters of a base from a %s', (form) => {
  let golden: GoldenLogits;
  let decoder: Decoder;
  let manifest: DecoderManifest;
  beforeAll(async () => {
    golden = await goldenLogits();
    await using folder = await temporaryFolder();
    const path = join(folder.path, form === 'gguf' ? 'base.gguf' : 'base');
    await (form === 'gguf' ? writeBaseGguf(path) : writeBaseFolder(path));
    ({ decoder, manifest } = await decoderFrom(path, 'lossless', { adapterBytes: ADAPTER_BYTES }));
  });

  it('keeps the order of rows of its file', () => {
    expect(manifest.config.ropePairing).toBe(form === 'gguf' ? 'adjacent' : 'half');
    const gap = largestGap(golden.logits['base']!, logitsWith(decoder, golden.tokens, null));
    expect(gap).toBeLessThan(LOGIT_DIFFERENCE);
  });

  const from = {
    peft: (name: string) => readPeftFixture(name, manifest),
    gguf: (name: string) => readGgufFixture(name, manifest),
  };
  it.each([
    ['peft', 'all'],
    ['gguf', 'all'],
    ['peft', 'patterns'],
    ['peft', 'activated'],
    ['gguf', 'activated'],
  ] as const)('gives what PEFT gives: %s of %s', async (reader, name) => {
    const adapter = await from[reader](name);
    const expected = golden.logits[name]!;
    expect(largestGap(golden.logits['base']!, expected)).toBeGreaterThan(1);
    const start = name === 'activated' ? golden.tokens.lastIndexOf(golden.invocation[0]!) : 0;
    expect(adapter.activation).toEqual(name === 'activated' ? golden.invocation : null);
    const id = `${reader}-${name}`;
    const stored = await decodeStored(id, encodeStored(adapter).bytes);
    const whole = decoder.addAdapter({ ...adapter, id });
    const halved = decoder.addAdapter({ ...stored, id: `${id}-stored` });
    for (const handle of [whole, halved]) {
      const got = logitsWith(decoder, golden.tokens, handle, start);
      expect(largestGap(expected, got)).toBeLessThan(LOGIT_DIFFERENCE);
    }
  });

  it('writes what it reads', async () => {
    for (const name of ['all', 'patterns', 'activated']) {
      const adapter = await from.peft(name);
      const peft = writePeft(adapter, manifest);
      const config = JSON.parse(JSON.stringify(peft.config)) as JsonObject;
      const again = await readPeft(config, memorySource('again', peft.weights), manifest);
      expectSame(again, adapter);
      const gguf = memorySource('again.gguf', writeGgufAdapter(adapter, manifest));
      expectSame(await readGgufAdapter(gguf, manifest), adapter);
    }
  });
});

function expectSame(got: Adapter, adapter: Adapter): void {
  expect(got.scale).toBeCloseTo(adapter.scale, 6);
  expect(got.rank).toBe(adapter.rank);
  expect(got.activation).toEqual(adapter.activation);
  expect(new Map([...got.pairs].sort())).toEqual(new Map([...adapter.pairs].sort()));
}

it('takes exactly the room that the record of a stored adapter says', async () => {
  const adapter = await readPeftFixture('all', BASE);
  const { bytes, regionBytes } = encodeStored(adapter);
  await using folder = await temporaryFolder();
  await writeBaseFolder(folder.path);
  const tensors = await decodeStored('a', bytes);
  const exact = await decoderFrom(folder.path, 'lossless', { adapterBytes: regionBytes });
  expect(exact.decoder.addAdapter(tensors)).toEqual({ id: 'a' });
  const less = await decoderFrom(folder.path, 'lossless', { adapterBytes: regionBytes - 64 });
  expect(() => less.decoder.addAdapter(tensors)).toThrow(/the plan has/);
});

describe('a PEFT adapter is refused', () => {
  const refuse = async (
    change: (config: JsonObject) => JsonObject,
    code: string,
    message: RegExp,
    base = BASE,
  ): Promise<void> => {
    await expect(readPeftFixture('all', base, change)).rejects.toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) as string }) as Error,
    );
  };

  it.each([
    ['modules_to_save', ['lm_head'], /modules_to_save is \["lm_head"\]; expected none/],
    ['bias', 'all', /bias is "all"; expected "none"/],
    ['use_dora', true, /use_dora is true; expected false/],
    ['use_qalora', true, /use_qalora/],
    ['lora_bias', true, /lora_bias/],
    ['peft_type', 'LOHA', /peft_type is "LOHA"; expected "LORA"/],
    ['task_type', 'SEQ_CLS', /task_type/],
    ['init_lora_weights', 'pissa', /init_lora_weights is "pissa"/],
    ['layer_replication', [[0, 2]], /layer_replication/],
    ['trainable_token_indices', [3], /trainable_token_indices/],
    ['target_parameters', ['experts.weight'], /target_parameters/],
    ['r', 128, /has rank 128; expected 1 to 64/],
    ['r', 8, /has rank 4; expected 8, as adapter_config\.json says/],
    ['rank_pattern', { '(a+)+$': 3 }, /rank_pattern has "\(a\+\)\+\$"/],
    ['alora_invocation_tokens', [264], /invocation tokens; expected 1 to 256 token ids below 264/],
    ['alora_invocation_tokens', [], /invocation tokens/],
  ])('for %s %j', async (field, value, message) => {
    await refuse((config) => ({ ...config, [field]: value }), 'E_ADAPTER_UNSUPPORTED', message);
  });

  it.each([
    ['r', 'four', /r is not a number above 0/],
    ['r', undefined, /r is not a number above 0/],
    ['lora_alpha', -1, /lora_alpha/],
    ['peft_type', undefined, /peft_type is missing/],
    ['rank_pattern', 7, /rank_pattern is not an object/],
  ])('for %s that is %j', async (field, value, message) => {
    await refuse((config) => ({ ...config, [field]: value }), 'E_FORMAT_INVALID', message);
  });

  it.each([
    ['another width', { nEmbd: 64, headDim: 16, ropeDim: 16 }],
    ['other heads', { nKvHead: 4 }],
    ['fewer layers', { nLayer: 1 }],
  ])('for a base of %s', async (_, config) => {
    const base = { ...BASE, config: { ...FIXTURE_CONFIG, ...config } };
    await refuse((same) => same, 'E_ADAPTER_BASE', /made for another model/, base);
  });

  const A = 'base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight';
  const B = A.replace('lora_A', 'lora_B');
  const floats = (n: number, value = 0.5) => new Uint8Array(new Float32Array(n).fill(value).buffer);
  const good = [
    { name: A, dtype: 'F32', shape: [4, 32], data: floats(4 * 32) },
    { name: B, dtype: 'F32', shape: [32, 4], data: floats(32 * 4) },
  ];
  const extra = (name: string) => [
    ...good,
    { name, dtype: 'F32', shape: [4, 32], data: floats(4 * 32) },
  ];
  it.each([
    ['one half alone', [good[0]!], 'E_TENSOR_MISSING', /q_proj has lora_A alone/],
    ['a full head', extra('base_model.model.lm_head.weight'), 'E_ADAPTER_UNSUPPORTED', /lm_head/],
    [
      'an embedding',
      extra('base_model.model.model.embed_tokens.lora_embedding_A'),
      'E_ADAPTER_UNSUPPORTED',
      /lora_embedding_A/,
    ],
    [
      'magnitudes',
      extra(A.replace('lora_A.weight', 'lora_magnitude_vector')),
      'E_ADAPTER_UNSUPPORTED',
      /lora_magnitude_vector/,
    ],
    [
      'the head',
      extra(A.replace('model.layers.0.self_attn.q_proj', 'lm_head')),
      'E_TENSOR_MISSING',
      /lm_head/,
    ],
    [
      'ranks that differ',
      [good[0]!, { name: B, dtype: 'F32', shape: [32, 8], data: floats(32 * 8) }],
      'E_TENSOR_SHAPE',
      /of one rank, got \[4, 32\] and \[32, 8\]/,
    ],
    [
      'three dimensions',
      [{ ...good[0]!, shape: [4, 32, 1] }, good[1]!],
      'E_TENSOR_SHAPE',
      /got \[4, 32, 1\]/,
    ],
    [
      'values that are not numbers',
      [good[0]!, { ...good[1]!, data: floats(32 * 4, NaN) }],
      'E_FORMAT_INVALID',
      /infinite or not numbers/,
    ],
    ['whole numbers', [{ ...good[0]!, dtype: 'I32' }, good[1]!], 'E_DTYPE_UNSUPPORTED', /I32/],
    ['nothing', [], 'E_ADAPTER_UNSUPPORTED', /has no pair of matrices/],
  ] as const)('for a file with %s', async (_, entries, code, message) => {
    const { config } = await peftFixture('all');
    const file = memorySource('adapter_model.safetensors', writeSafetensors(entries));
    await expect(readPeft(config, file, BASE)).rejects.toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) as string }) as Error,
    );
  });

  it('for sizes that lie, before anything of that size is read', async () => {
    const { config } = await peftFixture('all');
    const header = (shape: number[], offsets: number[]) =>
      JSON.stringify({ [A]: { dtype: 'F32', shape, data_offsets: offsets } });
    const files = [
      writeRawSafetensors(header([4, 32], [0, 512]), new Uint8Array(100)),
      writeRawSafetensors(header([4, 1 << 30], [0, 2 ** 34]), new Uint8Array(100)),
      writeRawSafetensors(header([4, 32], [0, 512]), new Uint8Array(512), 1n << 60n),
      new Uint8Array(3),
    ];
    for (const bytes of files)
      await expect(readPeft(config, memorySource('lies', bytes), BASE)).rejects.toThrow(
        expect.objectContaining({ code: expect.stringMatching(/^E_FORMAT/) as string }) as Error,
      );
  });
});

describe('a GGUF adapter is refused', () => {
  const pair = (nRow: number, nCol: number, rank: number, name = 'blk.0.attn_q.weight') => [
    { name: `${name}.lora_a`, dims: [rank, nCol], dtype: 'F32' as const, data: zeros(rank * nCol) },
    { name: `${name}.lora_b`, dims: [nRow, rank], dtype: 'F32' as const, data: zeros(nRow * rank) },
  ];
  const zeros = (n: number) => new Uint8Array(4 * n);
  const metadata = {
    'general.type': ['string', 'adapter'],
    'general.architecture': ['string', 'llama'],
    'adapter.type': ['string', 'lora'],
    'adapter.lora.alpha': ['f32', 8],
  } as const;
  it.each([
    [
      'a model',
      { 'general.type': ['string', 'model'] },
      pair(32, 32, 4),
      'E_ADAPTER_UNSUPPORTED',
      /general\.type is "model"; expected "adapter"/,
    ],
    [
      'a control vector',
      { 'adapter.type': ['string', 'control'] },
      pair(32, 32, 4),
      'E_ADAPTER_UNSUPPORTED',
      /adapter\.type/,
    ],
    [
      'another family',
      { 'general.architecture': ['string', 'qwen2'] },
      pair(32, 32, 4),
      'E_ADAPTER_BASE',
      /architecture qwen2/,
    ],
    [
      'an alpha that is text',
      { 'adapter.lora.alpha': ['string', '8'] },
      pair(32, 32, 4),
      'E_ADAPTER_UNSUPPORTED',
      /adapter\.lora\.alpha/,
    ],
    [
      'ids that are none',
      { 'adapter.alora.invocation_tokens': ['array', 'u32', [9999]] },
      pair(32, 32, 4),
      'E_ADAPTER_UNSUPPORTED',
      /invocation tokens/,
    ],
    ['another width', {}, pair(32, 64, 4), 'E_ADAPTER_BASE', /\[32, 64\]; expected \[32, 32\]/],
    ['too large a rank', {}, pair(32, 32, 65), 'E_ADAPTER_UNSUPPORTED', /rank 65/],
    ['the embedding', {}, pair(264, 32, 4, 'token_embd.weight'), 'E_ADAPTER_BASE', /token_embd/],
    [
      'a whole weight',
      {},
      [{ ...pair(32, 32, 4)[0]!, name: 'output.weight' }],
      'E_ADAPTER_UNSUPPORTED',
      /has tensor output\.weight/,
    ],
  ] as const)('for %s', async (_, changed, tensors, code, message) => {
    const file = writeGguf({ metadata: { ...metadata, ...changed }, tensors });
    await expect(readGgufAdapter(memorySource('a.gguf', file), BASE)).rejects.toThrow(
      expect.objectContaining({ code, message: expect.stringMatching(message) as string }) as Error,
    );
  });

  it('for every length at which it is cut off', async () => {
    const file = writeGguf({ metadata, tensors: pair(32, 32, 4) });
    for (let length = 0; length < file.length - 31; length += 97)
      await expect(
        readGgufAdapter(memorySource('cut.gguf', file.slice(0, length)), BASE),
      ).rejects.toThrow(expect.objectContaining({ name: 'EngineError' }) as Error);
  });
});

describe('matrices that hold several weights', () => {
  const base = {
    architecture: 'phi3',
    config: { ...FIXTURE_CONFIG, nHead: 4, nKvHead: 2 },
  };
  const RANK = 2;
  const values = (n: number, from: number) => Float32Array.from({ length: n }, (_, i) => from + i);
  const bytesOf = (floats: Float32Array) => new Uint8Array(floats.buffer);
  const [qkvRows, gateUpRows] = [32 + 16 + 16, 128];
  const modules = [
    ['self_attn.qkv_proj', qkvRows, 32],
    ['mlp.gate_up_proj', gateUpRows, 32],
  ] as const;
  const read = async () => {
    const entries = modules.flatMap(([module, nRow, nCol], i) => {
      const name = `base_model.model.model.layers.1.${module}`;
      const a = bytesOf(values(RANK * nCol, 1 + i));
      const b = bytesOf(values(nRow * RANK, 1000 * (i + 1)));
      return [
        { name: `${name}.lora_A.weight`, dtype: 'F32', shape: [RANK, nCol], data: a },
        { name: `${name}.lora_B.weight`, dtype: 'F32', shape: [nRow, RANK], data: b },
      ];
    });
    const { config } = await peftFixture('all');
    const file = memorySource('fused', writeSafetensors(entries));
    return await readPeft({ ...config, r: RANK, lora_alpha: RANK }, file, base);
  };

  it('give each its rows and all the same A', async () => {
    const { pairs } = await read();
    expect([...pairs.keys()]).toEqual(
      ['qProj', 'kProj', 'vProj', 'gateProj', 'upProj'].map((name) => `layers.1.${name}`),
    );
    const firstOf = (name: string) => pairs.get(`layers.1.${name}`)!.b[0];
    expect(['qProj', 'kProj', 'vProj'].map(firstOf)).toEqual([
      1000,
      1000 + 32 * RANK,
      1000 + 48 * RANK,
    ]);
    expect(['gateProj', 'upProj'].map(firstOf)).toEqual([2000, 2000 + 64 * RANK]);
    for (const name of ['qProj', 'kProj', 'vProj'])
      expect(pairs.get(`layers.1.${name}`)!.a).toEqual(values(RANK * 32, 1));
  });

  it('are written as they were, and refused for adapters that they cannot hold', async () => {
    const adapter = await read();
    const { weights } = writePeft(adapter, base);
    const { config } = await peftFixture('all');
    const facts = { ...config, r: RANK, lora_alpha: RANK };
    expectSame(await readPeft(facts, memorySource('again', weights), base), adapter);
    const { a, b } = adapter.pairs.get('layers.1.qProj')!;
    const pairs = new Map([...adapter.pairs, ['layers.1.qProj', { a: a.map((x) => -x), b }]]);
    expect(() => writePeft({ ...adapter, pairs }, base)).toThrow(/one A for all of them/);
  });
});
